"""Requests to the Archive, repeated where that may help."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import Any, Self, TypeVar

import httpx2

import lesionlab
from lesionlab.core.errors import ArchiveError

NUM_CONNECTIONS = 16
"""Requests under way at once."""

NUM_WAITS = 5
"""How often a request is repeated."""

FIRST_WAIT_S = 1.0
"""Seconds before the first repetition; each later one waits twice as long."""

MOST_WAIT_S = 300.0
"""A server that asks for a longer pause is left alone until the user comes back."""

TIMEOUT_S = 30.0
"""Seconds without a connection or a byte until a request is given up."""

MOST_ANSWER_BYTES = 64_000_000
"""No page of the API is nearly as large."""

_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
_MOST_TEXT = 2000

Result = TypeVar("Result")


class PassingError(Exception):
    """A request failed in a way that may pass."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        """Seconds that the server asks to wait, 0 where it does not say."""


class RefusedError(Exception):
    """An answer that will be the same next time."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}".rstrip())
        self.status = status
        self.text = text
        """What the server wrote."""


class ArchiveClient:
    """Connections to an API and to the servers that its files lie on; for several threads."""

    def __init__(self, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = httpx2.Client(
            transport=transport, follow_redirects=True, timeout=TIMEOUT_S,
            limits=httpx2.Limits(max_connections=NUM_CONNECTIONS),
            # Sizes are those of the files, so none may be compressed on the way.
            headers={"Accept-Encoding": "identity",
                     "User-Agent": f"lesionlab/{lesionlab.__version__}"})
        self._stopping = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def stop(self) -> None:
        """Have requests under way end soon, and none repeated."""
        self._stopping.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is wanted."""
        return self._stopping.is_set()

    def repeat(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, called again after a longer and longer pause while it fails.

        Raises:
            PassingError: that of the last time.
        """
        for turn in range(NUM_WAITS):
            try:
                return work()
            except PassingError as error:
                # Spread, so that requests that failed together do not come back together.
                own_s = FIRST_WAIT_S * 2**turn * random.uniform(0.75, 1.25)  # noqa: S311
                if error.wait_s > MOST_WAIT_S or self._pause(max(error.wait_s, own_s)):
                    raise
        return work()

    def _pause(self, seconds: float) -> bool:
        """Whether the user stopped it meanwhile."""
        return self._stopping.wait(seconds)

    def ask(self, url: str) -> Any:
        """The JSON value that an address of the API gives, asked once.

        Raises:
            PassingError: it may be had later.
            RefusedError: it may not.
            ArchiveError: the answer has no end.
        """
        content = bytearray()
        with self._open(url) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MOST_ANSWER_BYTES:
                    raise ArchiveError(f"{url} answers more than {MOST_ANSWER_BYTES:,} bytes; "
                                       "this is no API of the ISIC Archive")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise PassingError(f"the answer is no JSON ({_cut(content[:80])})") from error

    def save(self, url: str, path: Path, num_bytes: int) -> None:
        """Write a file that has `num_bytes` to `path`, asked for once.

        Raises:
            PassingError: it may be had later; another size counts as that.
            RefusedError: it may not.
        """
        num_got = 0
        with self._open(url) as response, path.open("wb") as file:
            for chunk in response.iter_raw():
                num_got += len(chunk)
                if num_got > num_bytes:
                    break
                file.write(chunk)
                if self.is_stopped:
                    break
        if num_got != num_bytes:
            more = " or more" if num_got > num_bytes else ""
            raise PassingError(f"the file has {num_got:,} bytes{more}, the Archive says "
                               f"{num_bytes:,}")

    @contextmanager
    def _open(self, url: str) -> Iterator[httpx2.Response]:
        """An answer whose status is good, its body not yet read."""
        try:
            with self._http.stream("GET", url) as response:
                if response.status_code != httpx2.codes.OK:
                    raise _read_fault(response)
                yield response
        except httpx2.TimeoutException as error:
            raise PassingError(f"no answer within {TIMEOUT_S:g} s") from error
        except httpx2.RequestError as error:
            raise PassingError(str(error) or type(error).__name__) from error
        except httpx2.InvalidURL as error:
            raise ArchiveError(f"{url!r} is no address: {error}") from error


def _read_fault(response: httpx2.Response) -> PassingError | RefusedError:
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > _MOST_TEXT:
            break
    text = _cut(content)
    if response.status_code in _PASSING:
        return PassingError(f"{response.status_code} {text}".rstrip(),
                            _read_wait(response.headers.get("Retry-After", "")))
    return RefusedError(response.status_code, text)


def _read_wait(text: str) -> float:
    """Seconds of a `Retry-After`, which holds a number of them or a date; 0 for anything else."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _cut(content: bytes | bytearray) -> str:
    """What a server wrote, as far as it is for reading."""
    return content[:_MOST_TEXT].decode(errors="replace").strip()
