"""Opening an ONNX graph in onnxruntime, the one way that training and prediction share."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def open_session(model: bytes | Path) -> onnxruntime.InferenceSession:
    """A session on the processor, with one thread inside a run.

    Callers run batches side by side, which is faster than several threads in one run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
