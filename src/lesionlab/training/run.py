"""TrainedRun: the folder that a training wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionlab.core import artifacts
from lesionlab.core.displays import show_run
from lesionlab.core.errors import StoreError
from lesionlab.core.recipe import Recipe
from lesionlab.inference.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """What `train` wrote."""

    folder: Path
    recipe: Recipe
    bundle: ModelBundle
    summary: dict[str, Any]
    """The content of training.json: the data's path from here, seconds by stage, parity, notes."""

    @classmethod
    def load(cls, folder: Path) -> TrainedRun:
        """Open a run folder.

        Raises:
            StoreError: it is not one.
        """
        if not (folder / "training.json").is_file():
            raise StoreError(f"{folder} is not a run: it has no training.json; "
                             f"make one with: lesionlab train DATA --recipe R --out {folder}")
        return cls(folder=folder, recipe=Recipe.load(folder / "recipe.json"),
                   bundle=ModelBundle.load(folder / "bundle"),
                   summary=artifacts.read_json(folder / "training.json"))

    def _repr_html_(self) -> str:
        """What was trained and how long it took, for a notebook."""
        return show_run(self.recipe.name, self.summary)
