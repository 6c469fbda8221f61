"""Where images and their metadata come from: layouts read into one cohort, and phantoms."""
