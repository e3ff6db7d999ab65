"""Claim: the masks that a student learns have the area of the labelled ones to 3 %, at every size, and take no longer.

Measured on the shipped sample at the network's 256 px, where a cell of the mask grid is 5 x 5 pixels of the image: the
area of each object's target by the area of its labelled mask, as it goes through the training's data set without and
with the augmentation's way through masks (`change_label`), and the processor time of images with the base parameters'
mosaic, scaling and flips.

    git worktree add --detach ../before 2a186c7
    python benchmarks/mask_targets.py --before ../before
"""
