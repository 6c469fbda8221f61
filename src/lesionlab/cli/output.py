"""What a command prints: results to stdout, all else to stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import typer


def say(text: str) -> None:
    """Print a line of the result, to stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line about the result, to stderr."""
    typer.echo(text, err=True)


def close(is_json: bool, value: Callable[[], Any], lines: Iterable[str], last: str) -> None:
    """Print the result as JSON or as lines; the last line names what was written and what next."""
    if is_json:
        say(json.dumps(value(), indent=2, allow_nan=False))
        return
    for line in lines:
        say(line)
    say(last)
