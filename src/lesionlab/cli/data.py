"""Commands that make and check data: phantom, prepare, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionlab.cli.options import (
    DATA_HELP,
    Address,
    ExecutorName,
    Json,
    OutPlace,
    PseudonymKey,
    Seed,
)
from lesionlab.cli.output import close, open_asked, say

app = typer.Typer()


@app.command(epilog="Example: lesionlab phantom cohort --patients 200 --seed 0")
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 200,
    seed: Seed = 0,
    fault: Annotated[str | None, typer.Option(help="Plant one known defect.")] = None,
) -> None:
    """Draw a synthetic cohort of lesion phantoms with known truth."""
    from lesionlab.phantoms.making import phantom as draw

    made = draw(out, patients=patients, seed=seed, fault=fault)
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

    given = {name: value for name, value in names.items() if value is not None}
    if given and "id" not in given:
        raise InputError("--id-column is missing; a table of your own needs it")
    return TableColumns(**given) if given else None


@app.command(epilog="Example: lesionlab audit data --fail-on issue")
def audit(
    data: Annotated[Path, typer.Argument(help=DATA_HELP)],
    fail_on: Annotated[str | None, typer.Option(
        help="Exit 1 if there are findings of this section: issue or tip.")] = None,
    is_json: Json = False,
) -> None:
    """Look for what would make the numbers a lie."""
    from lesionlab.auditing.report import audit as check
    from lesionlab.core.errors import InputError

    if fail_on not in (None, "issue", "tip"):
        raise InputError(f"--fail-on {fail_on}: choose issue or tip")
    findings = check(data)
    lines = [f"{finding.section:14} {finding.code}  {finding.explanation}" for finding in findings]
    close(is_json, lambda: [finding.to_dict() for finding in findings], lines,
           f"wrote {data / 'audit.json'} and audit.html; next: lesionlab train {data} "
           "--recipe image_frozen --out RUN")
    failing = {"issue": ("issue",), "tip": ("issue", "tip")}.get(fail_on or "", ())
    if any(finding.section in failing for finding in findings):
        raise typer.Exit(1)
