"""The command that downloads from the ISIC Archive: fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lesionlab.cli.options import Json, Seed
from lesionlab.cli.output import close

if TYPE_CHECKING:
    from lesionlab.archive.records import Size

app = typer.Typer()


@app.command(epilog="Example: lesionlab fetch cohort --query 'image_type:dermoscopic' "
                    "--per-class 500")
def fetch(
    out: Annotated[Path, typer.Argument(help="Folder to write, or to go on with.")],
    query: Annotated[str, typer.Option(
        help="In the Archive's language, such as 'age_approx:[20 TO 40] AND sex:male'.")] = "",
    collection: Annotated[list[int] | None, typer.Option(
        help="Number of a collection; may be repeated.")] = None,
    where: Annotated[list[str] | None, typer.Option(
        metavar="COLUMN=VALUE", help="Only rows of this value; may be repeated.")] = None,
    per_class: Annotated[int | None, typer.Option(
        help="Most images of each class; patients are taken whole.")] = None,
    class_column: Annotated[str, typer.Option(help="Where the class stands.")] = "diagnosis_1",
    limit: Annotated[int | None, typer.Option(
        help="Most images; patients are taken whole.")] = None,
    size: Annotated[str, typer.Option(
        help="thumbnail (256 pixels) or full.")] = "thumbnail",
    seed: Seed = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Download even more than 5 GB.")] = False,
    api: Annotated[str | None, typer.Option(
        metavar="URL", help="Root of the API of a mirror; default the ISIC Archive's.")] = None,
    is_json: Json = False,
) -> None:
    """Download images and metadata of the ISIC Archive; run it again to go on."""
    from lesionlab.archive.fetch_settings import API, FetchSettings
    from lesionlab.archive.fetching import fetch as download

    done = download(out, settings=FetchSettings(
        query=query, collections=tuple(collection or ()), where=tuple(where or ()),
        per_class=per_class, class_column=class_column, limit=limit, size=cast("Size", size),
        seed=seed, is_confirmed=yes, api=api or API))
    following = (f"{len(done.failures):,} images are missing; run the same again to try them"
                 if done.failures else f"next: lesionlab prepare {out} --out DATA")
    close(is_json, done.to_dict, done.lines, f"wrote {out}; {following}")
    if done.failures or done.rejected:
        raise typer.Exit(1)
