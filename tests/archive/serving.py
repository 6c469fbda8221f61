"""Stand-ins of the Archive for a test, and requests that fail quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from stand_in import StandIn, StoredImage

from lesionlab.archive import client

Serve = Callable[[list[StoredImage]], StandIn]


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """What starts servers; requests are repeated at once and given up after two seconds."""
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(client, "TIMEOUT_S", 2.0)
    with ExitStack() as stack:
        yield lambda images: stack.enter_context(StandIn(images))
