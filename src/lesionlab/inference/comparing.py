"""compare(): evaluated runs to a leaderboard, with what their bundles say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.comparing import Contender, Facts, build_leaderboard
from lesionlab.evaluation.decision import Decision
from lesionlab.evaluation.leaderboard import Leaderboard
from lesionlab.evaluation.leaderboard_files import save_leaderboards
from lesionlab.inference.bundle import ModelBundle

NUM_WARM_UPS = 2
NUM_TIMED = 15


def compare(
    runs: Sequence[Path], *, out: Path | None = None, reference: str | None = None, seed: int = 0,
) -> Leaderboard:
    """Compare evaluated runs on the same test images, in pairs.

    Args:
        runs: folders of `lesionlab train` after `lesionlab evaluate`; each is called as its
            folder is, or by its whole path where two folders have one name.
        out: folder for `leaderboard.html`, `.json` and `.csv`, replaced as a whole; by default
            nothing is written.
        reference: name of the run to compare with besides the best; by default the best one that
            sees metadata and no image, if there is one.
        seed: of the bootstrap.

    Raises:
        InputError: fewer than two runs, one that is not evaluated, no such reference, or runs
            that were scored on different images, targets or groups.
        BundleError: a bundle is missing or damaged.
    """
    if len(runs) < 2:
        raise InputError("compare needs two or more runs")
    folders = [run.resolve() for run in runs]
    repeated = sorted({str(run) for run, folder in zip(runs, folders, strict=True)
                       if folders.count(folder) > 1})
    if repeated:
        raise InputError(f"compare was given one run more than once: {list_some(repeated)}")
    names = [run.name for run in folders]
    contenders = [
        read_contender(run, name=name if names.count(name) == 1 else str(run))
        for run, name in zip(runs, names, strict=True)]
    leaderboard = build_leaderboard(contenders, reference=reference, seed=seed)
    if out is not None:
        save_leaderboards([leaderboard], out)
    return leaderboard


def read_contender(
    run: Path, *, name: str, published: str | None = None, is_control: bool = False,
    said: Sequence[str] = (),
) -> Contender:
    """An evaluated run as one row of a leaderboard, its latency measured here and now.

    Args:
        run: a folder with `bundle/`, `report/`, `predictions_test.parquet` and `training.json`.
        name: of the row.
        published: the figure that the original study gave.
        is_control: whether it learned labels joined by position.
        said: what a reader should know, before the notes of the run itself.

    Raises:
        InputError: the run is not evaluated, or its report is of other predictions.
        BundleError: its bundle is missing or damaged.
    """
    told = run / "report" / "report.json"
    if not told.is_file():
        raise InputError(f"{run} has no report; make one with: lesionlab evaluate {run}")
    path = run / "predictions_test.parquet"
    if not path.is_file():
        raise InputError(f"{run} has no predictions_test.parquet beside its report; "
                         f"make it with: lesionlab evaluate {run}")
    report, predictions = artifacts.read_json(told), Predictions.load(path)
    if report["predictions_digest"] != predictions.digest:
        raise InputError(f"the report of {run} is of other predictions than those beside it; "
                         f"make both again with: lesionlab evaluate {run}")
    bundle = ModelBundle.load(run / "bundle")
    training = artifacts.read_json(run / "training.json")
    facts = Facts(
        training_seconds=float(sum(training["seconds"].values())),
        num_parameters=training.get("num_parameters"), latency_ms=measure_latency(bundle),
        is_baseline=bundle.preprocessing is None and bool(bundle.metadata_columns))
    return Contender(
        name=name, target=bundle.manifest["target"], predictions=predictions,
        decision=Decision.from_dict(report["decision"]), facts=facts,
        group_name=report["context"]["group_name"],
        published=published, is_control=is_control, said=(*said, *training.get("notes", ())))


def measure_latency(bundle: ModelBundle) -> float:
    """Median milliseconds to predict one image that is decoded, after a warm-up.

    One thread, as the bundle always runs; metadata are left missing.
    """
    settings = bundle.preprocessing
    images = None
    if settings is not None:
        shape = (1, settings.size_px, settings.size_px, 3)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    row = pd.DataFrame(index=[0])
    taken = []
    for _ in range(NUM_WARM_UPS + NUM_TIMED):
        start = time.perf_counter()
        bundle.run(images, row)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken[NUM_WARM_UPS:]))
