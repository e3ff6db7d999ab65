"""A look at a COCO file as a whole, before its records are checked: was it all written in another convention?"""
