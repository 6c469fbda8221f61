"""What fine-tuning, metadata, a stack and an ensemble are each worth, in pairs on the same images.

    python benchmarks/steps_finetuned.py --data DATA --out build/steps_finetuned

Trains what is not yet there (an hour on two cores), hides the metadata from the fused network in
one row, and writes a leaderboard with paired differences.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lesionlab
from lesionlab import ModelBundle, PreparedData
from lesionlab.evaluation.comparing import Contender, build_leaderboard
from lesionlab.evaluation.leaderboard_files import save_leaderboards
from lesionlab.inference.comparing import read_contender
from lesionlab.inference.predicting import predict_rows
from measuring import parse_training

RECIPES = ("image_frozen", "fusion_frozen", "stack_boosting", "fusion_concat")


def train(data: PreparedData, recipe: lesionlab.Recipe, folder: Path, cache: Path | None) -> Path:
    """The folder of the trained and evaluated run."""
    run = lesionlab.train(data, recipe, folder, cache=cache)
    if not (folder / "report" / "report.json").is_file():
        lesionlab.evaluate(run.folder)
    return folder


def hide_metadata(data: PreparedData, run: Path, contender: Contender) -> Contender:
    """The same network on the same test images, without a word about the patient."""
    rows = data.rows("test")[["group_id", "target"]]
    predictions = predict_rows(ModelBundle.load(run), data, rows, "test")
    return replace(contender, name=f"{contender.name}, metadata hidden", predictions=predictions)


def main() -> None:
    options = parse_training()
    data = PreparedData.load(options.data)
    runs = {name: train(data, lesionlab.find_recipe(name), options.out / name, options.cache)
            for name in RECIPES}
    members = ",".join(str(runs[name]) for name in ("fusion_frozen", "fusion_concat"))
    ensemble = lesionlab.find_recipe("ensemble").with_settings([f"model.members={members}"])
    runs["ensemble"] = train(data, ensemble, options.out / "ensemble", options.cache)
    contenders = [read_contender(run, name=name) for name, run in runs.items()]
    tuned = next(one for one in contenders if one.name == "fusion_concat")
    contenders.append(hide_metadata(data, runs["fusion_concat"], tuned))
    board = build_leaderboard(contenders, reference="fusion_concat")
    save_leaderboards([board], options.out / "leaderboard")
    print(*board.lines, sep="\n")


if __name__ == "__main__":
    main()
