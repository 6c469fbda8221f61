"""The extra 'dicom': its packages, imported where they are needed, or what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lesionlab.core.errors import MissingExtraError


@contextmanager
def require_dicom() -> Iterator[None]:
    """Turns an ImportError within the block into a MissingExtraError that says the remedy."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"DICOM files need the extra 'dicom' ({error}); "
                                "pip install 'lesionlab[dicom]'") from error
