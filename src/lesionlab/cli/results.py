"""Commands that judge and use what was trained: evaluate, compare, predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionlab.cli.options import Address, ExecutorName, Json, PseudonymKey
from lesionlab.cli.output import close, note, open_asked, say
from lesionlab.core.terms import RESEARCH_USE

if TYPE_CHECKING:
    import pandas as pd

    from lesionlab.inference.bundle import ModelBundle
    from lesionlab.inference.predicting import PredictedImages

app = typer.Typer()


@app.command(epilog="Example: lesionlab evaluate run")
def evaluate(
    scored: Annotated[Path, typer.Argument(metavar="RUN|PREDICTIONS",
                                           help="A run, or another tool's predictions table.")],
    role: Annotated[str | None, typer.Option(
        help="Role to score: test, valid or train; default test, of another cohort all.")] = None,
    data: Annotated[Path | None, typer.Option(
        help="Prepared folder; another one than the run's is an external test.")] = None,
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
    close(is_json, lambda: result.content, result.lines,
           f"wrote {result.folder / 'report.html'} and report.json; {RESEARCH_USE}")


@app.command(epilog="Example: lesionlab compare runs/metadata_linear runs/image_frozen "
                    "--out leaderboard")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Evaluated runs.")],
    out: Annotated[Path | None, typer.Option(
        "--out", help="Folder for the leaderboard; default is to print it only.")] = None,
    reference: Annotated[str | None, typer.Option(
        help="Run to compare with besides the best; default the best on metadata alone.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
    is_json: Json = False,
) -> None:
    """Compare evaluated runs in pairs on the same test images, with intervals."""
    from lesionlab.inference.comparing import compare as compare_runs

    board = compare_runs(runs, out=out, reference=reference, seed=seed)
    best = next((run for run in runs if board.best in (run.resolve().name, str(run))), runs[0])
    last = f"next: open {best / 'report' / 'report.html'}"
    if out is not None:
        last = (f"wrote {out / 'leaderboard.html'}, leaderboard.json and leaderboard.csv; "
                f"{RESEARCH_USE}")
    close(is_json, board.to_dict, board.lines, last)


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
    dicom_report: Annotated[Path | None, typer.Option(
        metavar="DIR", help="Folder for a DICOM structured report of each DICOM file.")] = None,
    pseudonym_key: PseudonymKey = None,
    executor: ExecutorName = "local",
    address: Address = None,
    is_json: Json = False,
) -> None:
    """Predict images; a bad file becomes a row with an error, and the rest goes on."""
    from lesionlab.core.remote import as_path
    from lesionlab.inference.bundle import ModelBundle
    from lesionlab.inference.challenge import find_columns, list_submission
    from lesionlab.inference.predicting import check_table_path
    from lesionlab.inference.predicting import predict as run

    model = ModelBundle.load(bundle)
    columns = find_columns(challenge, model) if challenge else None
    if out is not None:
        check_table_path(out)
    if dicom_report is not None:  # said before the work begins, not after
        import lesionlab.inference.dicom_reports  # noqa: F401
    with open_asked(executor, address) as chosen:
        result = run(model, paths, pseudonym_key=pseudonym_key, metadata=metadata, executor=chosen)
    table = list_submission(result.table, columns) if columns else result.table
    _hand_out(table, out, is_json)
    for text in result.notes:
        note(f"note: {text}")
    failed = f", {result.num_errors} with an error" if result.num_errors else ""
    written = f"; wrote {as_path(out)}" if out else ""
    lacking = _write_reports(model, result, dicom_report) if dicom_report is not None else 0
    note(f"{len(result.table)} images{failed}{written}. {RESEARCH_USE}")
    if result.num_errors or lacking:
        raise typer.Exit(1)


def _hand_out(table: pd.DataFrame, out: Path | None, is_json: bool) -> None:
    """Write the table where it was asked for, else to stdout; as JSON there in either case."""
    from lesionlab.inference.predicting import save_table

    if out is not None:
        save_table(table, out)
    if is_json:
        say(table.to_json(orient="records", indent=2))
    elif out is None:
        typer.echo(table.to_csv(index=False), nl=False)


def _write_reports(model: ModelBundle, result: PredictedImages, folder: Path) -> int:
    """Write DICOM reports and say so; how many are lacking."""
    from lesionlab.inference.dicom_reports import write_reports

    done = write_reports(model, result, folder)
    for text in done.problems:
        note(f"note: no report of {text}")
    note(f"wrote {done.num_written} DICOM reports to {folder}; they name the patient, as the "
         "images do")
    return len(done.problems)
