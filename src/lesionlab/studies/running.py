"""study(): many recipes on the same data to one leaderboard, resumable, each on its own."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lesionlab.core import artifacts
from lesionlab.core.displays import show_table
from lesionlab.core.errors import InputError, LesionLabError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.deriving import join_by_position, retarget
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.comparing import Contender, build_leaderboard
from lesionlab.evaluation.contents import Report
from lesionlab.evaluation.leaderboard import Leaderboard
from lesionlab.evaluation.leaderboard_files import save_leaderboards
from lesionlab.evaluation.report import load_report
from lesionlab.inference.comparing import read_contender
from lesionlab.inference.scoring import evaluate
from lesionlab.studies.planning import PlannedRun, plan_runs
from lesionlab.studies.suites import CONTROL, PUBLISHED, Labels, Suite, list_experiments
from lesionlab.targets import MALIGNANCY, MALIGNANT_SUBTYPE
from lesionlab.training.fit import MOST_CACHE_BYTES, train
from lesionlab.training.run import TrainedRun

FORMAT_VERSION = 1
Fit = Callable[[PreparedData, Recipe, Path], TrainedRun]
"""`train` with its cache."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What `study` wrote."""

    folder: Path
    plan: tuple[PlannedRun, ...]
    """What was asked for, in order."""
    runs: dict[str, Path]
    """Folder of each run that is trained and evaluated, by its name."""
    failures: dict[str, str]
    """What went wrong with each of the others, one line."""
    leaderboards: dict[str, Leaderboard]
    """By target, that of the data first."""

    @property
    def lines(self) -> list[str]:
        """The leaderboards, the control and the failures, for a terminal."""
        boards = list(self.leaderboards.values())
        return [*(line for board in boards for line in board.lines),
                *(line for board in boards for line in _judge_control(board)),
                *(f"failed: {name}: {text}" for name, text in self.failures.items())]

    def _repr_html_(self) -> str:
        """The leaderboards, and what failed, for a notebook."""
        return "".join(board._repr_html_() for board in self.leaderboards.values()) + show_table(
            "Failed", ["experiment", "why"], self.failures.items(), num_left=2)


def study(
    data: PreparedData, out: Path, *, recipes: Sequence[str] = (), suite: Suite | None = None,
    settings: Sequence[str] = (), control: str | None = None, cache: Path | None = None,
    most_cache_bytes: int = MOST_CACHE_BYTES, seed: int = 0,
) -> Study:
    """Train and evaluate many recipes on `data`, and compare them on the same test images.

    Each has its folder in `out/runs`; one that fails leaves `NAME.failed.txt` there and does not
    stop the rest. The same call again goes on where it was stopped, tries again what failed, and
    repeats nothing that is finished.

    Args:
        data: of any target.
        out: folder with `runs/`, `leaderboard/` and `study.json`.
        recipes: names of recipes, besides those of the suite.
        suite: `original`, the experiments of the study that all scored 0.5, or `strong`.
        settings: `path=value` for every recipe that reads it, `RECIPE:path=value` for those of
            that name or pattern.
        control: recipe to be trained once more on labels joined by position, deliberately wrong;
            by default that of the suite, if it has one.
        cache: folder for features.
        most_cache_bytes: most that the output of frozen stages may take there.
        seed: of the bootstrap and the control's labels; that of the training is `seed=N` in
            `settings`.

    Raises:
        InputError: no such suite, or nothing to run.
        RecipeError: no such recipe or setting; nothing has been started then.
    """
    plan = plan_runs(list_experiments(suite, recipes, control), settings)
    fit = partial(train, cache=cache, most_cache_bytes=most_cache_bytes)
    runs: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for place, planned in enumerate(plan, start=1):
        start = time.perf_counter()
        headline, failure = _try_run(planned, data, out, fit, seed)
        if failure:
            failures[planned.name] = failure
        else:
            runs[planned.name] = _name_run(out, planned)
        sys.stderr.write(f"[{place}/{len(plan)}] {planned.name}: {headline or 'failed'}, "
                         f"{time.perf_counter() - start:.1f} s\n")
    leaderboards = _compare(plan, runs, data.target, seed)
    _save(out, data, plan, failures, leaderboards)
    return Study(folder=out, plan=tuple(plan), runs=runs, failures=failures,
                 leaderboards=leaderboards)


def _name_run(out: Path, planned: PlannedRun) -> Path:
    return out / "runs" / planned.name


def _try_run(
    planned: PlannedRun, data: PreparedData, out: Path, fit: Fit, seed: int
) -> tuple[str, str]:
    """The headline of the run's report and why there is none, one of them empty."""
    note = out / "runs" / f"{planned.name}.failed.txt"
    try:
        report = _run(planned, data, out, fit, seed)
    except LesionLabError as error:
        text = failure = str(error)
    except Exception as error:  # noqa: BLE001 - a bug in one recipe does not stop the rest
        text, failure = traceback.format_exc(), f"{type(error).__name__}: {error}"
    else:
        note.unlink(missing_ok=True)
        return report.headline, ""
    artifacts.write_text(note, text.rstrip() + "\n")
    return "", " ".join(failure.split())


def _run(
    planned: PlannedRun, data: PreparedData, out: Path, fit: Fit, seed: int
) -> Report:
    """Train and evaluate, or find what is finished."""
    labelled = _label(data, planned.experiment.labels, out, seed)
    run = fit(labelled, planned.recipe, _name_run(out, planned))
    return _find_report(run, seed) or evaluate(run.folder, seed=seed).report


def _label(data: PreparedData, labels: Labels, out: Path, seed: int) -> PreparedData:
    """The data with the labels that an experiment learns."""
    if labels == "by_position":
        return join_by_position(data, out / "data_joined_by_position", seed)
    if labels == "subtypes" and data.target == MALIGNANCY.name:
        return retarget(data, MALIGNANT_SUBTYPE.name, out / f"data_{MALIGNANT_SUBTYPE.name}")
    return data


def _find_report(run: TrainedRun, seed: int) -> Report | None:
    """The report of just this bundle, its predictions beside it."""
    path = run.folder / "predictions_test.parquet"
    try:
        report = load_report(run.folder / "report")
    except (InputError, StoreError):  # none yet, or of another version
        return None
    is_whole = path.is_file() and Predictions.load(path).digest == report.predictions_digest
    is_same = report.context.digests.get("bundle") == run.bundle.digest and report.seed == seed
    return report if is_whole and is_same else None


def _compare(
    plan: Sequence[PlannedRun], runs: dict[str, Path], first: str, seed: int
) -> dict[str, Leaderboard]:
    """A leaderboard for each target, that of the target `first` before the others."""
    contenders: dict[str, list[Contender]] = {first: []}
    for planned in plan:
        if planned.name in runs:
            contender = read_contender(
                runs[planned.name], name=planned.name, is_control=planned.name == CONTROL,
                published=PUBLISHED.get(planned.recipe.name), said=_say(planned))
            contenders.setdefault(contender.target, []).append(contender)
    return {target: build_leaderboard(rows, seed=seed) for target, rows in contenders.items()
            if not all(row.is_control for row in rows)}


def _say(planned: PlannedRun) -> list[str]:
    """What a reader of the leaderboard should know of a run."""
    said = [f"set: {', '.join(planned.settings)}"] if planned.settings else []
    if planned.name == CONTROL:
        said.append(f"{planned.recipe.name} on labels joined by position, deliberately wrong")
    return said


def _judge_control(board: Leaderboard) -> list[str]:
    """Whether what learned wrong labels landed at 0.5, one line, where there is a control."""
    lines = []
    for row in board.rows[board.rows["is_control"]].to_dict("records"):
        low, high = row["auroc_low"], row["auroc_high"]
        verdict = ("0.5 is in it, as it must be" if low <= 0.5 <= high else
                   "0.5 is not in it: by chance in one study of twenty, or the evaluation itself "
                   "is at fault; repeat with another seed before you believe the other rows")
        lines.append(f"{row['name']}: AUROC {row['auroc']:.2f} ({low:.2f}-{high:.2f}), {verdict}")
    return lines


def _save(
    out: Path, data: PreparedData, plan: Sequence[PlannedRun], failures: dict[str, str],
    leaderboards: dict[str, Leaderboard],
) -> None:
    """Write what ran and how, and the leaderboards."""
    artifacts.write_json(out / "study.json", {
        "format_version": FORMAT_VERSION, "data": data.digest, "target": data.target,
        "experiments": [{
            "name": planned.name, "recipe": planned.recipe.name,
            "labels": planned.experiment.labels, "settings": list(planned.settings),
            "failure": failures.get(planned.name)} for planned in plan]})
    if leaderboards:
        save_leaderboards(list(leaderboards.values()), out / "leaderboard", failures)
