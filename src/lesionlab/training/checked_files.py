"""Files of a cache that carry the digest of their content in their name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from lesionlab.core import artifacts

_LOG = logging.getLogger(__name__)


def write_checked(folder: Path, prefix: str, suffix: str, content: bytes) -> None:
    """Write `content` as `PREFIX-DIGESTSUFFIX`, atomically; the same content is one file."""
    artifacts.write_bytes(folder / f"{prefix}-{_short_digest(content)}{suffix}", content)


def find_checked(folder: Path, prefix: str, suffix: str) -> Iterator[tuple[Path, bytes]]:
    """Each whole file that `write_checked` wrote and its content, in name order.

    A file whose content is not what its name says is removed and said: it can be made again.
    """
    for path in sorted(folder.glob(f"{prefix}-*{suffix}")):
        content = path.read_bytes()
        if path.name == f"{prefix}-{_short_digest(content)}{suffix}":
            yield path, content
            continue
        path.unlink(missing_ok=True)
        _LOG.warning("%s was damaged and is removed from the cache; its content is computed again",
                     path)


def read_checked(folder: Path, prefix: str, suffix: str) -> Iterator[bytes]:
    """The content of each file of `find_checked`."""
    for _, content in find_checked(folder, prefix, suffix):
        yield content


def find_or_write(folder: Path, prefix: str, suffix: str, make: Callable[[], bytes]) -> bytes:
    """The content that is there under `prefix`, else what `make` gives, which is then written."""
    found = next(read_checked(folder, prefix, suffix), None)
    if found is None:
        found = make()
        write_checked(folder, prefix, suffix, found)
    return found


def _short_digest(content: bytes) -> str:
    return artifacts.digest_bytes(content)[:32]
