"""Commands that make data: phantom, prepare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionlab.cli.options import (
    Address,
    ExecutorName,
    Json,
    OutPlace,
    PseudonymKey,
    Seed,
)
from lesionlab.cli.output import close, open_asked, say

app = typer.Typer()


def _list_faults(is_asked: bool) -> None:
    from lesionlab.phantoms.faults import FAULTS

    if is_asked:
        for fault in FAULTS.values():
            say(f"{fault.name:22} {fault.plants}")
        raise typer.Exit


@app.command(epilog="Example: lesionlab phantom cohort --patients 200 --seed 0")
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 200,
    seed: Seed = 0,
    fault: Annotated[str | None, typer.Option(
        metavar="NAME", help="Plant one known defect.")] = None,
    strength: Annotated[float, typer.Option(
        help="How much of it, above 0 and up to 1.")] = 1.0,
    with_split: Annotated[bool, typer.Option(
        "--with-split", help="Add a clean column `split`, by patient.")] = False,
    with_sources: Annotated[bool, typer.Option(
        "--with-sources", help="Name two institutions in `attribution`.")] = False,
    _list: Annotated[bool, typer.Option(
        "--list-faults", is_eager=True, callback=_list_faults,
        help="List what --fault can plant, and exit.")] = False,
) -> None:
    """Draw a synthetic cohort of lesion phantoms with known truth."""
    from lesionlab.phantoms.making import phantom as draw

    made = draw(out, patients=patients, seed=seed, fault=fault, strength=strength,
                with_split=with_split, with_sources=with_sources)
    say(f"{made.num_images:,} images of {made.num_lesions:,} lesions, "
        f"{made.num_patients:,} patients" + (f"; fault: {made.fault}" if made.fault else ""))
    say(f"wrote {out}; next: lesionlab prepare {out} --out DATA")


@app.command(epilog="Example: lesionlab prepare cohort --out data --target malignancy")
def prepare(
    sources: Annotated[list[Path], typer.Argument(help="Folders, tables or URLs, of any layout.")],
    out: OutPlace,
    target: Annotated[str, typer.Option(
        help="malignancy, malignant_subtype, isic2018, isic2019 or a column.")] = "malignancy",
    size: Annotated[int, typer.Option(help="Shorter side of stored images, in pixels.")] = 256,
    split: Annotated[str, typer.Option(help="Shares of train/valid/test.")] = "70/10/20",
    split_column: Annotated[str | None, typer.Option(
        help="Take the split from this column instead; checked, never repaired.")] = None,
    licence: Annotated[str | None, typer.Option(
        metavar="NAMES", help="Take only images of these licences, such as CC-0,CC-BY.")] = None,
    seed: Seed = 0,
    id_column: Annotated[str | None, typer.Option(help="Image id in a table of your own.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Label in a table of your own.")] = None,
    file_column: Annotated[str | None, typer.Option(help="File name, where it is no id.")] = None,
    patient_column: Annotated[str | None, typer.Option(help="Patient id.")] = None,
    lesion_column: Annotated[str | None, typer.Option(help="Lesion id.")] = None,
    pseudonym_key: PseudonymKey = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default one a CPU.")] = None,
    executor: ExecutorName = "local",
    address: Address = None,
    is_json: Json = False,
) -> None:
    """Read, check, group, split and store images and their metadata."""
    from lesionlab.core.remote import as_path
    from lesionlab.dataset.building import PrepareSettings
    from lesionlab.dataset.building import prepare as build
    from lesionlab.dataset.description import describe

    with open_asked(executor, address, workers) as chosen:
        data = build(
            sources, out, executor=chosen, pseudonym_key=pseudonym_key,
            settings=PrepareSettings(target=target, size_px=size, split=split, seed=seed,
                                     split_column=split_column,
                                     licences=() if licence is None else tuple(licence.split(","))),
            columns=_table_columns(id=id_column, label=label_column, file=file_column,
                                   patient=patient_column, lesion=lesion_column))
    close(is_json, lambda: data.manifest["counts"], describe(data),
           f"wrote {as_path(out)}; next: lesionlab audit {as_path(out)}")


def _table_columns(**names: str | None) -> Any:
    from lesionlab.core.errors import InputError
    from lesionlab.sources.reading import TableColumns

    given: dict[str, Any] = {name: value for name, value in names.items() if value is not None}
    if given and "id" not in given:
        raise InputError("--id-column is missing; a table of your own needs it")
    return TableColumns(**given) if given else None
