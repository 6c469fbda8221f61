"""The command that looks for what would make the numbers a lie: audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionlab.cli.options import DATA_HELP, Json
from lesionlab.cli.output import close
from lesionlab.core.errors import InputError
from lesionlab.core.findings import Finding

app = typer.Typer()

_FAILING = {"issue": ("issue",), "tip": ("issue", "tip")}
"""Sections that fail a run, by what `--fail-on` says."""
_NEEDED = ("--images", "--table", "--id", "--label", "--out")
"""What names a project that lesionlab did not prepare."""


@app.command(epilog="Example: lesionlab audit data --fail-on issue")
def audit(
    data: Annotated[Path | None, typer.Argument(help=DATA_HELP)] = None,
    images: Annotated[Path | None, typer.Option(
        help="In the place of DATA: folder of the images of any project.")] = None,
    table: Annotated[Path | None, typer.Option(help="Its table, a row per image.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of image ids.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of labels.")] = None,
    file: Annotated[str | None, typer.Option(help="Column of file names, if not the id.")] = None,
    split: Annotated[str | None, typer.Option(help="Column of train, valid and test.")] = None,
    group: Annotated[str | None, typer.Option(help="Column of patients.")] = None,
    out: Annotated[Path | None, typer.Option(
        help="With --images: folder to write, report included.")] = None,
    fail_on: Annotated[str | None, typer.Option(
        help="Exit 1 if there are findings of this section: issue or tip.")] = None,
    skip: Annotated[list[str] | None, typer.Option(
        metavar="CODE", help="Leave out this check; repeatable, each with a --reason.")] = None,
    reason: Annotated[list[str] | None, typer.Option(
        help="Why the check of the --skip in this place is left out; the report says so.")] = None,
    is_json: Json = False,
) -> None:
    """Look for what would make the numbers a lie."""
    if fail_on is not None and fail_on not in _FAILING:
        raise InputError(f"--fail-on {fail_on}: choose issue or tip")
    skipped = _pair_skips(skip or [], reason or [])
    folder, findings, hint = _look(data, skipped, {
        "--images": images, "--table": table, "--id": id_column, "--label": label, "--out": out,
        "--file": file, "--split": split, "--group": group})
    lines = [f"{finding.section:14} {finding.code}  {finding.explanation}" for finding in findings]
    lines += [f"{'skipped':14} {code}  {why}" for code, why in skipped.items()]
    close(is_json, lambda: [finding.to_dict() for finding in findings], lines,
          f"wrote {folder / 'audit.json'} and audit.html; next: {hint}")
    if any(finding.section in _FAILING.get(fail_on or "", ()) for finding in findings):
        raise typer.Exit(1)


def _pair_skips(codes: list[str], reasons: list[str]) -> dict[str, str]:
    """The reason of each check that is left out, by its code."""
    if len(codes) != len(reasons):
        raise InputError(f"--skip is given {len(codes)} times and --reason {len(reasons)} times; "
                         'each check left out needs its reason: --skip LL403 --reason "..."')
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise InputError(f"--skip {', '.join(twice)} is given more than once")
    return dict(zip(codes, reasons, strict=True))


def _look(
    data: Path | None, skipped: dict[str, str], options: dict[str, Any]
) -> tuple[Path, list[Finding], str]:
    """The folder with the report, the findings, and what to do next.

    Either `data` is given, or `options` name another project in full.
    """
    from lesionlab.auditing.report import audit as check
    from lesionlab.auditing.report import audit_table
    from lesionlab.sources.reading import TableColumns

    given = {name: value for name, value in options.items() if value is not None}
    if data is not None:
        if given:
            raise InputError(f"{', '.join(given)}: give either DATA, which prepare wrote, or a "
                             "project by these options")
        return (data, check(data, skip=skipped),
                f"lesionlab train {data} --recipe image_frozen --out RUN")
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing; give DATA, which prepare wrote, or a "
                         f"project of your own by {' '.join(_NEEDED)}")
    columns = TableColumns(id=given["--id"], label=given["--label"], file=options["--file"],
                           patient=options["--group"])
    findings = audit_table(given["--images"], given["--table"], columns, given["--out"],
                           split_column=options["--split"], skip=skipped)
    return (given["--out"], findings,
            f"lesionlab prepare {given['--table'].parent} --out DATA, for a split that holds")
