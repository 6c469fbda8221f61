"""What goes into a model: encoded metadata and views of images."""
