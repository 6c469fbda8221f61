"""Which settings change how a recipe is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lesionlab.core.recipe import Recipe

OF_BACKBONES = frozenset((
    "model.backbone", "model.weights", "model.num_stages", "model.num_frozen_stages"))
"""Settings of what sees the image."""

_OF_NETWORKS = frozenset((
    "model.num_frozen_stages", "model.fusion", "model.metadata_units", "image.views_per_epoch",
    "image.num_test_views", "metadata.dropout"))
_OF_FEATURES = frozenset(("model.num_stages", "model.num_members"))
_OF_LAYERS = frozenset(("model.hidden_units", "model.dropout", "model.num_members"))
_OF_FUSION = frozenset(("model.fusion", "model.metadata_units"))
_BOOSTING = frozenset(("l2", "learning_rate", "max_epochs", "patience"))
_FIT_OF_HEADS: dict[str, frozenset[str]] = {
    "linear": frozenset(("l2",)), "boosting": _BOOSTING, "stack": _BOOSTING,
    "mlp": _BOOSTING | {"schedule", "batch_size"}}


def uses_setting(recipe: Recipe, path: str) -> bool:
    """Whether the setting `path` has a part in what the recipe trains."""
    model, (branch, _, leaf) = recipe.model, path.partition(".")
    is_network = model.tuning == "network"
    if path == "fit.decision_power":
        return True
    if model.head in ("prevalence", "ensemble"):
        return path in ("name", "seed", "model.head", "model.members", "model.tuning")
    if path in (_OF_FEATURES if is_network else _OF_NETWORKS):
        return False
    if path in OF_BACKBONES or branch == "image":
        return bool(model.backbone)
    if path in _OF_LAYERS:
        return model.head in ("mlp", "stack")
    if path in _OF_FUSION or path == "metadata.dropout":
        return bool(recipe.metadata.columns)
    if branch == "fit":
        return _uses_fit(recipe, leaf)
    return True


def _uses_fit(recipe: Recipe, leaf: str) -> bool:
    if recipe.model.tuning != "network":
        return leaf in _FIT_OF_HEADS.get(recipe.model.head, frozenset())
    needs = {"warm_up": recipe.fit.schedule == "cosine",
             "focal_gamma": recipe.fit.loss == "focal",
             "frozen_learning_rate": recipe.fit.frozen_epochs > 0}
    return needs.get(leaf, True)
