"""YOLO: Ultralytics', Darknet's and Roboflow's layouts."""
