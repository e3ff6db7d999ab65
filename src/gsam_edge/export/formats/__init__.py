"""One module per format; only it imports the libraries that write the format, inside its functions."""
