"""Running a bundle; onnxruntime is all it needs."""
