"""Running tasks on many processors, here or on a cluster, and showing how far they are."""
