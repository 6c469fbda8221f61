"""Files of a cache that carry the digest of their content in their name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from lesionlab.core import artifacts

_LOG = logging.getLogger(__name__)


def write_checked(folder: Path, prefix: str, suffix: str, content: bytes) -> None:
    """Write `content` as `PREFIX-DIGESTSUFFIX`, atomically; the same content is one file."""
    artifacts.write_bytes(folder / f"{prefix}-{_short_digest(content)}{suffix}", content)


def find_checked(folder: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """Each whole file that `write_checked` wrote, in name order.

    A file whose content is not what its name says is removed and said: it can be made again.
    """
    for path in sorted(folder.glob(f"{prefix}-*{suffix}")):
        if path.name == f"{prefix}-{_short_digest(path.read_bytes())}{suffix}":
            yield path
            continue
        path.unlink(missing_ok=True)
        _LOG.warning("%s was damaged and is removed from the cache; its content is computed again",
                     path)


def read_checked(folder: Path, prefix: str, suffix: str) -> Iterator[bytes]:
    """The content of each file of `find_checked`."""
    for path in find_checked(folder, prefix, suffix):
        yield path.read_bytes()


def _short_digest(content: bytes) -> str:
    return artifacts.digest_bytes(content)[:32]
