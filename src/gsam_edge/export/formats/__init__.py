"""One file per format; it alone imports the libraries that write it, inside its functions."""
