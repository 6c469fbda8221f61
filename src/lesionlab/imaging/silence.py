"""Libraries that warn while they read damaged or private files, kept quiet."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


@contextmanager
def silence_warnings() -> Iterator[None]:
    """Silences Python's warnings and pydicom's log, one thread at a time.

    What a warning says is in the result or in a DecodeError; pydicom's quote the header, where
    the patient's name is.
    """
    log = logging.getLogger("pydicom")
    # Filters belong to the process, so that one thread at a time may change them.
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.propagate = False
        try:
            yield
        finally:
            log.propagate = True
