"""What a command prints: results to stdout, all else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from lesionlab.scaling.executors import Executor


def say(text: str) -> None:
    """Print a line of the result, to stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line about the result, to stderr."""
    typer.echo(text, err=True)


@contextmanager
def open_asked(
    executor: str, address: str | None, num_workers: int | None = None
) -> Iterator[Executor | None]:
    """Yield the executor that the options ask for; what Ray says of it goes to stderr."""
    from lesionlab.scaling.executors import open_executor

    with (redirect_stdout(sys.stderr),
          open_executor(executor, address=address, num_workers=num_workers) as opened):
        yield opened


def close(is_json: bool, value: Callable[[], Any], lines: Iterable[str], last: str) -> None:
    """Print the result as JSON or as lines; the last line names what was written and what next."""
    if is_json:
        say(json.dumps(value(), indent=2, allow_nan=False))
        return
    for line in lines:
        say(line)
    say(last)
