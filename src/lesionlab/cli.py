"""The commands: parse, call, print, exit code."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import lesionlab
from lesionlab.core.errors import LesionLabError
from lesionlab.core.terms import RESEARCH_USE

app = typer.Typer(
    help=f"{lesionlab.__doc__.splitlines()[0] if lesionlab.__doc__ else ''} {RESEARCH_USE}",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None)

USERS_TROUBLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
                 errno.ENOTDIR}
"""What the system says where a folder may not be written or the disk is full."""

Out = Annotated[Path, typer.Option("--out", help="Folder to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random draw.")]


def main() -> None:
    """Run a command; exit 0 fine, 1 findings, 2 the user's error, 3 a bug, 130 interrupted."""
    try:
        app(prog_name="lesionlab")  # whatever started it, such as `python -m`
    except SystemExit as stop:
        if stop.code == 130:  # Typer's answer to an interrupt
            _note("stopped; run the same command again to go on")
        raise
    except LesionLabError as error:
        _note(f"error: {error}")
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left is a bug of ours
        if isinstance(error, OSError) and error.errno in USERS_TROUBLE:
            _note(f"error: {error.filename or 'writing'}: {error.strerror}")
            sys.exit(2)
        import traceback

        traceback.print_exc()
        _note(f"this is a bug in lesionlab {lesionlab.__version__}; please report it with the "
              "lines above")
        sys.exit(3)


def _say(text: str) -> None:
    """A line of the result, to stdout."""
    typer.echo(text)


def _note(text: str) -> None:
    """A line about the result, to stderr."""
    typer.echo(text, err=True)


def _close(is_json: bool, value: Callable[[], Any], lines: list[str], last: str) -> None:
    """Print the result as JSON or as lines; the last line names what was written and what next."""
    if is_json:
        _say(json.dumps(value(), indent=2, allow_nan=False))
        return
    for line in lines:
        _say(line)
    _say(last)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        _say(lesionlab.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option(
        "--version", callback=_show_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    del version


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
    _say(f"{made.num_images:,} images of {made.num_lesions:,} lesions, "
         f"{made.num_patients:,} patients" + (f"; fault: {made.fault}" if made.fault else ""))
    _say(f"wrote {out}; next: lesionlab prepare {out} --out DATA")


@app.command(epilog="Example: lesionlab prepare cohort --out data --target malignancy")
def prepare(
    sources: Annotated[list[Path], typer.Argument(help="Folders or tables, of any layout.")],
    out: Out,
    target: Annotated[str, typer.Option(
        help="malignancy, malignant_subtype, isic2018, isic2019 or a column.")] = "malignancy",
    size: Annotated[int, typer.Option(help="Shorter side of stored images, in pixels.")] = 256,
    split: Annotated[str, typer.Option(help="Shares of train/valid/test.")] = "70/10/20",
    split_column: Annotated[str | None, typer.Option(
        help="Take the split from this column instead; checked, never repaired.")] = None,
    seed: Seed = 0,
    id_column: Annotated[str | None, typer.Option(help="Image id in a table of your own.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Label in a table of your own.")] = None,
    file_column: Annotated[str | None, typer.Option(help="File name, where it is no id.")] = None,
    patient_column: Annotated[str | None, typer.Option(help="Patient id.")] = None,
    lesion_column: Annotated[str | None, typer.Option(help="Lesion id.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default one a CPU.")] = None,
    is_json: Json = False,
) -> None:
    """Read, check, group, split and store images and their metadata."""
    from lesionlab.dataset.building import PrepareSettings
    from lesionlab.dataset.building import prepare as build
    from lesionlab.dataset.description import describe

    data = build(
        sources, out, num_workers=workers,
        settings=PrepareSettings(target=target, size_px=size, split=split, seed=seed,
                                 split_column=split_column),
        columns=_table_columns(id=id_column, label=label_column, file=file_column,
                               patient=patient_column, lesion=lesion_column))
    _close(is_json, lambda: data.manifest["counts"], describe(data),
           f"wrote {out}; next: lesionlab audit {out}")


def _table_columns(**names: str | None) -> Any:
    from lesionlab.core.errors import InputError
    from lesionlab.sources.reading import TableColumns

    given = {name: value for name, value in names.items() if value is not None}
    if given and "id" not in given:
        raise InputError("--id-column is missing; a table of your own needs it")
    return TableColumns(**given) if given else None


@app.command(epilog="Example: lesionlab audit data --fail-on issue")
def audit(
    data: Annotated[Path, typer.Argument(help="Prepared folder.")],
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
    _close(is_json, lambda: [finding.to_dict() for finding in findings], lines,
           f"wrote {data / 'audit.json'} and audit.html; next: lesionlab train {data} "
           "--recipe image_frozen --out RUN")
    failing = {"issue": ("issue",), "tip": ("issue", "tip")}.get(fail_on or "", ())
    if any(finding.section in failing for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: lesionlab recipes image_frozen")
def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
    is_json: Json = False,
) -> None:
    """List the recipes, or show one whole."""
    from lesionlab.recipes import RECIPES, find_recipe

    if name is not None:
        _say(json.dumps(find_recipe(name).to_dict(), indent=2))
        return
    summaries = {key: (make.__doc__ or "").splitlines()[0] for key, make in RECIPES.items()}
    lines = [f"{key:20} {text}" for key, text in summaries.items()]
    _close(is_json, lambda: summaries, lines,
           "next: lesionlab recipes NAME, or lesionlab train DATA --recipe NAME --out RUN")


@app.command(epilog="Example: lesionlab train data --recipe image_frozen --out run "
                    "--set image.num_views=2")
def train(
    data: Annotated[Path, typer.Argument(help="Prepared folder.")],
    recipe: Annotated[str, typer.Option(help="Name of the recipe; see lesionlab recipes.")],
    out: Out,
    settings: Annotated[list[str] | None, typer.Option(
        "--set", metavar="PATH=VALUE", help="Change one setting of the recipe.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for features.")] = None,
    is_json: Json = False,
) -> None:
    """Train a recipe, calibrate it and pack it in a bundle."""
    from lesionlab.dataset.prepared import PreparedData
    from lesionlab.recipes import find_recipe
    from lesionlab.training.fit import train as fit

    chosen = find_recipe(recipe).with_settings(settings or [])
    run = fit(PreparedData.load(data), chosen, out, cache=cache)
    for note in run.summary["notes"]:
        _note(f"note: {note}")
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in run.summary["seconds"].items())
    _close(is_json, lambda: run.summary, [
        (f"recipe {chosen.name}, {run.summary['num_features']:,} features, "
         f"temperature {run.summary['temperature']:.2f}; {seconds}"),
        f"bundle agrees with the training side to {run.summary['parity_difference']:.1e}",
    ], f"wrote {out}; next: lesionlab evaluate {out}")


@app.command(epilog="Example: lesionlab evaluate run")
def evaluate(
    scored: Annotated[Path, typer.Argument(metavar="RUN|PREDICTIONS",
                                           help="A run, or another tool's predictions table.")],
    role: Annotated[str, typer.Option(help="Role to score: test, valid or train.")] = "test",
    data: Annotated[Path | None, typer.Option(help="Prepared folder; default the run's.")] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", help="Folder for the report; default RUN/report.")] = None,
    is_json: Json = False,
) -> None:
    """Score a run, or predictions of any other tool, with intervals."""
    from lesionlab.inference import scoring

    if scored.is_dir():
        result = scoring.evaluate(scored, role=role, data=data, out=out)
    else:
        result = scoring.evaluate_predictions(scored, data=data, role=role, out=out)
    _close(is_json, lambda: result.content, result.lines,
           f"wrote {result.folder / 'report.html'} and report.json; {RESEARCH_USE}")


@app.command(epilog="Example: lesionlab compare runs/metadata_linear runs/image_frozen")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Evaluated runs.")],
    is_json: Json = False,
) -> None:
    """List evaluated runs on the same test images side by side, with intervals."""
    from lesionlab.evaluation.comparing import compare as compare_runs

    table = compare_runs(runs)
    best = next(run for run in runs if run.name == table["run"].iloc[0])
    _close(is_json, lambda: table.to_dict("records"), table.to_string(index=False).splitlines(),
           f"next: open {best / 'report' / 'report.html'}")


@app.command(epilog="Example: lesionlab predict run/bundle photos/ --metadata photos.csv "
                    "--out predictions.csv")
def predict(
    bundle: Annotated[Path, typer.Argument(help="Bundle, or a run that holds one.")],
    paths: Annotated[list[str], typer.Argument(help="Images, folders or globs.")],
    metadata: Annotated[Path | None, typer.Option(
        help="CSV or Parquet with isic_id; joined by id, never by position.")] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", help="CSV or Parquet to write; default is CSV on stdout.")] = None,
    challenge: Annotated[str | None, typer.Option(
        help="Write what this ISIC challenge takes, such as isic2018.")] = None,
    is_json: Json = False,
) -> None:
    """Predict images; a bad file becomes a row with an error, and the rest goes on."""
    from lesionlab.inference.bundle import ModelBundle
    from lesionlab.inference.challenge import find_columns, list_submission
    from lesionlab.inference.predicting import check_table_path, save_table
    from lesionlab.inference.predicting import predict as run

    model = ModelBundle.load(bundle)
    columns = find_columns(challenge, model) if challenge else None
    if out is not None:
        check_table_path(out)
    result = run(model, paths, metadata=metadata)
    table = list_submission(result.table, columns) if columns else result.table
    if out is not None:
        save_table(table, out)
    if is_json:
        _say(table.to_json(orient="records", indent=2))
    elif out is None:
        typer.echo(table.to_csv(index=False), nl=False)
    for note in result.notes:
        _note(f"note: {note}")
    failed = f", {result.num_errors} with an error" if result.num_errors else ""
    written = f"; wrote {out}" if out else ""
    _note(f"{len(result.table)} images{failed}{written}. {RESEARCH_USE}")
    if result.num_errors:
        raise typer.Exit(1)
