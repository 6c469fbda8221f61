"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATA_HELP = "Prepared folder."
DEFAULT_CACHE_GB = 20.0
"""Most that the output of frozen stages may take unless the user says otherwise."""

Out = Annotated[Path, typer.Option("--out", help="Folder to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random draw.")]
Cache = Annotated[Path | None, typer.Option(
    help="Folder of what is computed once; default the user's cache.")]
CacheLimit = Annotated[float | None, typer.Option(
    "--cache-limit", min=0, metavar="GB",
    help=f"Most GB of frozen stages' output to keep there; default {DEFAULT_CACHE_GB:.0f}.")]
