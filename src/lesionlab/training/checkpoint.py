"""Checkpoints: everything that a training needs to go on where it was killed."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from lesionlab.core import artifacts

FORMAT_VERSION = 1
FILE = "checkpoint.pt"


@dataclass(frozen=True, kw_only=True)
class CheckpointFolder:
    """Where one training keeps its checkpoint; what another one left there is not read."""

    folder: Path
    key: str
    """Digest of all that decides the training: recipe, data, software."""

    @classmethod
    def beside(cls, out: Path, key: str) -> CheckpointFolder:
        """The folder for the run that will stand at `out`."""
        return cls(folder=out.parent / f".{out.name}.unfinished", key=key)

    def save(self, state: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """Write the state, atomically, and beside it `history.csv` for people to look at.

        A state is made of tensors, numbers, text, lists and dictionaries.
        """
        sink = io.BytesIO()
        torch.save({"format_version": FORMAT_VERSION, "key": self.key, "state": state}, sink)
        artifacts.write_bytes(self.folder / FILE, sink.getvalue())
        artifacts.write_text(self.folder / "history.csv", pd.DataFrame(history).to_csv(index=False))

    def load(self) -> dict[str, Any] | None:
        """The last state that was saved; None where there is none of this training."""
        path = self.folder / FILE
        if not path.is_file():
            return None
        stored = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {"format_version": FORMAT_VERSION, "key": self.key}
        if not wanted.items() <= stored.items():
            return None
        return stored["state"]

    def remove(self) -> None:
        """Remove the folder: the run is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)
