"""Leaderboards as files: JSON to read again, CSV for a spreadsheet, and one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.errors import StoreError
from lesionlab.evaluation import leaderboard_page
from lesionlab.evaluation.leaderboard import Leaderboard


def save_leaderboards(
    leaderboards: Sequence[Leaderboard], folder: Path, failures: Mapping[str, str] | None = None,
) -> None:
    """Write `leaderboard.json`, `.csv` and `.html` into `folder`, which is replaced as a whole.

    Args:
        leaderboards: one or more, such as one of each target.
        folder: need not exist.
        failures: models that are missing, and why; the page says it.
    """
    assert leaderboards
    with artifacts.new_folder(folder) as new:
        artifacts.write_json(new / "leaderboard.json", {
            "leaderboards": [leaderboard.to_dict() for leaderboard in leaderboards]})
        table = pd.concat(map(tabulate, leaderboards), ignore_index=True)
        artifacts.write_text(new / "leaderboard.csv",
                             table.to_csv(index=False, lineterminator="\n"))
        artifacts.write_text(new / "leaderboard.html",
                             leaderboard_page.render(leaderboards, failures or {}))


def load_leaderboards(folder: Path) -> tuple[Leaderboard, ...]:
    """Read what `save_leaderboards` wrote into `folder`.

    Raises:
        StoreError: there is none.
        InputError: it has another format.
    """
    path = folder / "leaderboard.json"
    if not path.is_file():
        raise StoreError(f"{folder} holds no leaderboard.json; make one with: "
                         f"lesionlab compare RUN RUN --out {folder}")
    return tuple(map(Leaderboard.from_dict, artifacts.read_json(path)["leaderboards"]))


def tabulate(leaderboard: Leaderboard) -> pd.DataFrame:
    """A row per model with all numbers, differences beside the metrics.

    The columns of `Leaderboard.rows` after `target`, then those of the differences, such as
    `auroc_less_best`, `auroc_less_best_low`, `_high`, `_p`, `_p_corrected`, `_is_significant`.
    """
    table = leaderboard.rows.set_index("name")
    # Sorted: the best has no difference from itself, so the order of the rows would not do.
    for (against, metric), part in leaderboard.differences.groupby(["against", "metric"]):
        found = part.set_index("name")
        start = f"{metric}_less_{against}"
        table[start] = found["difference"]
        for column in ("low", "high", "p", "p_corrected", "is_significant"):
            table[f"{start}_{column}"] = found[column]
    table = table.reset_index()
    table.insert(0, "target", leaderboard.target)
    return table
