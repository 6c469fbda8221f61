"""Skin-lesion images and metadata in, a classifier whose numbers can be believed out.

Each command is also a function here, loaded when it is first used, such as `lesionlab.prepare`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Cohort": "lesionlab.core.cohort",
    "CrossValidation": "lesionlab.training.cross_validation",
    "FetchSettings": "lesionlab.archive.fetch_settings",
    "Finding": "lesionlab.core.findings",
    "Leaderboard": "lesionlab.evaluation.leaderboard",
    "LesionLabError": "lesionlab.core.errors",
    "ModelBundle": "lesionlab.inference.bundle",
    "Predictions": "lesionlab.core.predictions",
    "PrepareSettings": "lesionlab.dataset.building",
    "PreparedData": "lesionlab.dataset.prepared",
    "Recipe": "lesionlab.core.recipe",
    "Report": "lesionlab.evaluation.contents",
    "Split": "lesionlab.core.split",
    "Study": "lesionlab.studies.running",
    "audit": "lesionlab.auditing.report",
    "audit_table": "lesionlab.auditing.report",
    "compare": "lesionlab.inference.comparing",
    "cross_validate": "lesionlab.training.cross_validation",
    "evaluate": "lesionlab.inference.scoring",
    "evaluate_predictions": "lesionlab.inference.scoring",
    "fetch": "lesionlab.archive.fetching",
    "find_recipe": "lesionlab.recipes",
    "phantom": "lesionlab.phantoms.making",
    "predict": "lesionlab.inference.predicting",
    "prepare": "lesionlab.dataset.building",
    "study": "lesionlab.studies.running",
    "train": "lesionlab.training.fit",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lesionlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
