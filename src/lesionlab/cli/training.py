"""Commands that train: recipes, train, study."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lesionlab.cli.options import (
    DATA_HELP,
    DEFAULT_CACHE_GB,
    Address,
    Cache,
    CacheLimit,
    ExecutorName,
    Json,
    Out,
    TrainWorkers,
)
from lesionlab.cli.output import close, note, say

if TYPE_CHECKING:
    from lesionlab.core.recipe import Recipe
    from lesionlab.training.cross_validation import CrossValidation
    from lesionlab.training.run import TrainedRun

app = typer.Typer()


@app.command(epilog="Example: lesionlab recipes image_frozen")
def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
    is_json: Json = False,
) -> None:
    """List the recipes, or show one whole."""
    from lesionlab.recipes import RECIPES, find_recipe

    if name is not None:
        say(json.dumps(find_recipe(name).to_dict(), indent=2))
        return
    summaries = {key: (make.__doc__ or "").splitlines()[0] for key, make in RECIPES.items()}
    width = max(map(len, summaries))
    close(is_json, lambda: summaries, [f"{key:{width}}  {text}" for key, text in summaries.items()],
          "next: lesionlab recipes NAME, or lesionlab train DATA --recipe NAME --out RUN")


@app.command(epilog="Example: lesionlab train data --recipe image_frozen --out run "
                    "--set image.num_views=2")
def train(
    data: Annotated[Path, typer.Argument(help=DATA_HELP)],
    recipe: Annotated[str, typer.Option(help="Name of the recipe; see lesionlab recipes.")],
    out: Out,
    settings: Annotated[list[str] | None, typer.Option(
        "--set", metavar="PATH=VALUE", help="Change one setting of the recipe.")] = None,
    folds: Annotated[int | None, typer.Option(
        min=3, help="Cross-validate in so many folds, and average their models.")] = None,
    cache: Cache = None,
    cache_limit: CacheLimit = None,
    executor: ExecutorName = "local",
    address: Address = None,
    workers: TrainWorkers = None,
    is_json: Json = False,
) -> None:
    """Train a recipe, calibrate it and pack it in a bundle."""
    from lesionlab.dataset.prepared import PreparedData
    from lesionlab.recipes import find_recipe

    chosen = find_recipe(recipe).with_settings(settings or [])
    limit = {"cache": cache, "most_cache_bytes": _count_bytes(cache_limit)}
    _check_place(executor, address, workers, folds)
    if folds is not None:
        from lesionlab.training.cross_validation import cross_validate

        found = cross_validate(PreparedData.load(data), chosen, out, num_folds=folds, **limit)
        _show_folds(found, out, is_json)
        return
    place = {"num_workers": workers, "address": address} if executor == "ray" else None
    run = _train_at(place, data, chosen, out, limit)
    from lesionlab.training.tuning import is_first_process  # of the extra, which `run` needed

    if not is_first_process():  # of several that torchrun started, one speaks
        return
    for text in run.summary["notes"]:
        note(f"note: {text}")
    judge = "mean of its members" if chosen.model.head == "ensemble" else "training side"
    close(is_json, lambda: run.summary, [
        f"recipe {chosen.name}, {describe_training(run.summary)}",
        f"bundle agrees with the {judge} to {run.summary['parity_difference']:.1e}",
    ], f"wrote {out}; next: lesionlab evaluate {out}")


def _train_at(
    place: dict[str, Any] | None, data: Path, recipe: Recipe, out: Path, limit: dict[str, Any]
) -> TrainedRun:
    """Train on the Ray cluster of `place`, or here."""
    if place is not None:
        from lesionlab.training.launching import train_on_ray

        with redirect_stdout(sys.stderr):  # Ray speaks of its workers
            return train_on_ray(data, recipe, out, **place, **limit)
    from lesionlab.dataset.prepared import PreparedData
    from lesionlab.training.fit import train as fit

    return fit(PreparedData.load(data), recipe, out, **limit)


def _check_place(
    executor: str, address: str | None, workers: int | None, folds: int | None
) -> None:
    """Refuse options that would change nothing."""
    from lesionlab.core.errors import InputError
    from lesionlab.scaling.executors import check_executor

    check_executor(executor, address)
    if executor == "local" and workers is not None:
        raise InputError(f"--workers {workers} are those of a Ray cluster; add --executor ray, or "
                         "start processes by torchrun")
    if executor == "ray" and folds is not None:
        raise InputError(f"--folds {folds} are trained on this machine; leave --executor ray out")


def _count_bytes(gigabytes: float | None) -> int:
    return int((DEFAULT_CACHE_GB if gigabytes is None else gigabytes) * 1e9)


def describe_training(summary: dict[str, Any]) -> str:
    """Size, temperature, arithmetic and seconds, as far as the kind of model has them."""
    said = [f"{summary[key]:,} {word}" for key, word in (
        ("num_features", "features"), ("num_parameters", "parameters")) if summary.get(key)]
    said.append(f"temperature {summary['temperature']:.2f}")
    computed = summary.get("computed", {})
    if "precision" in computed:
        said.append(f"{computed['precision']} on {computed['device']}")
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in summary["seconds"].items())
    return f"{', '.join(said)}; {seconds}"


def _show_folds(found: CrossValidation, out: Path, is_json: bool) -> None:
    """Print the notes and the spread over folds."""
    from lesionlab.core import artifacts

    for text in dict.fromkeys(text for run in found.runs for text in run.summary["notes"]):
        note(f"note: {text}")
    close(is_json, lambda: artifacts.read_json(out / "folds.json"), found.lines,
          f"wrote {out}; next: lesionlab evaluate {out / 'ensemble'}")


@app.command(epilog="Example: lesionlab study data --suite strong --out studies/strong")
def study(
    data: Annotated[Path, typer.Argument(help=DATA_HELP)],
    out: Out,
    suite: Annotated[str | None, typer.Option(
        help="original: the experiments of the study that scored 0.5; strong: those of today."
    )] = None,
    recipe: Annotated[list[str] | None, typer.Option(
        help="Name of a recipe, besides those of the suite.")] = None,
    settings: Annotated[list[str] | None, typer.Option(
        "--set", metavar="[RECIPE:]PATH=VALUE",
        help="Change a setting of every recipe that reads it, or of those of that name.")] = None,
    cache: Cache = None,
    cache_limit: CacheLimit = None,
    seed: Annotated[int, typer.Option(
        min=0, help="Seed of intervals and control; --set seed=N is that of the training.")] = 0,
    is_json: Json = False,
) -> None:
    """Train and evaluate many recipes, and compare them; run it again to go on."""
    from lesionlab.dataset.prepared import PreparedData
    from lesionlab.studies.running import study as run
    from lesionlab.studies.suites import Suite

    done = run(PreparedData.load(data), out, recipes=recipe or (), suite=cast(Suite | None, suite),
               settings=settings or (), cache=cache,
               most_cache_bytes=_count_bytes(cache_limit), seed=seed)
    written = out / ("leaderboard/leaderboard.html" if done.leaderboards else "study.json")
    close(is_json, lambda: {
        "leaderboards": [board.to_dict() for board in done.leaderboards.values()],
        "failures": done.failures}, done.lines, f"wrote {written}")
    if done.failures:
        raise typer.Exit(1)
