"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATA_HELP = "Prepared folder."
DEFAULT_CACHE_GB = 20.0
"""Most that the output of frozen stages may take unless the user says otherwise."""



def _check_on_disk(path: Path) -> Path:
    from lesionlab.core.remote import refuse_url

    refuse_url(path)
    return path


Out = Annotated[Path, typer.Option("--out", help="Folder to write.", callback=_check_on_disk)]
OutPlace = Annotated[Path, typer.Option("--out", help="Folder to write, or a URL for it.")]
PseudonymKey = Annotated[Path | None, typer.Option(
    "--pseudonym-key", metavar="FILE",
    help="Key of the pseudonyms of DICOM files; default the user's own, made the first time.")]
ExecutorName = Annotated[str, typer.Option(
    "--executor", metavar="local|ray", help="This machine, or a Ray cluster.")]
Address = Annotated[str | None, typer.Option(
    help="Of the Ray cluster; default one on this machine alone.")]
TrainWorkers = Annotated[int | None, typer.Option(
    "--workers", "--num-workers", min=1,
    help="Processes of the Ray cluster that train a network together; default all.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random draw.")]
Cache = Annotated[Path | None, typer.Option(
    help="Folder of what is computed once; default the user's cache.")]
CacheLimit = Annotated[float | None, typer.Option(
    "--cache-limit", min=0, metavar="GB",
    help=f"Most GB of frozen stages' output to keep there; default {DEFAULT_CACHE_GB:.0f}.")]
