"""MODEL_CARD.md: what a bundle is, what it saw and what it is not for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lesionlab.core import artifacts
from lesionlab.evaluation.decision import choose_decision


def write_card(folder: Path, manifest: dict[str, Any], parity: float) -> None:
    """Write the model card of the bundle whose manifest this is."""
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("lesionlab.training", "templates"), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    name = "ENSEMBLE_CARD.md.j2" if "members" in manifest else "MODEL_CARD.md.j2"
    decision = choose_decision(
        manifest["classes"], manifest["thresholds"], manifest["decision_weights"])
    text = environment.get_template(name).render(m=manifest, parity=parity, decision=decision)
    artifacts.write_text(folder / "MODEL_CARD.md", text)
