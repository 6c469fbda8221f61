"""Recipe: everything that decides what is trained, as a tree of scalars."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lesionlab.core import artifacts
from lesionlab.core.errors import RecipeError
from lesionlab.core.settings import (
    FitSettings,
    ImageSettings,
    MetadataSettings,
    ModelSettings,
    SampleSettings,
    check_settings,
)
from lesionlab.core.typed_tree import build, describe_unknown, list_leaves, parse, settle

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to train, complete: the same recipe on the same data gives the same model."""

    name: str
    seed: int = 0
    model: ModelSettings = field(default_factory=ModelSettings)
    image: ImageSettings = field(default_factory=ImageSettings)
    metadata: MetadataSettings = field(default_factory=MetadataSettings)
    sample: SampleSettings = field(default_factory=SampleSettings)
    fit: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        settle(self)
        model = self.model
        is_network = model.tuning == "network"
        sees_something = bool(model.backbone or self.metadata.columns)
        check_settings(
            "the recipe is",
            (bool(self.name), "name is empty"),
            (0 <= self.seed < 2**31, f"seed is {self.seed}, not in 0 to {2**31 - 1}"),
            (model.head in ("prevalence", "ensemble") or sees_something,
             "the model sees neither image nor metadata: set model.backbone or metadata.columns"),
            (not is_network or bool(model.backbone),
             "model.tuning is network, and there is no model.backbone to tune"),
            (self.fit.schedule != ("one_cycle" if is_network else "cosine"),
             f"fit.schedule is {self.fit.schedule}, which is for " + (
                 "heads on features: a network takes cosine" if is_network
                 else "networks: a head takes one_cycle")),
            (not is_network or model.head == "mlp",
             f"model.tuning is network, and model.head is {model.head}: a network ends in an mlp"),
            (not model.members or model.head == "ensemble",
             "model.members names the runs of an ensemble: set it for model.head=ensemble alone"),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all settings."""
        return artifacts.digest_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The recipe as a JSON object."""
        return json.loads(json.dumps({"format_version": FORMAT_VERSION} | asdict(self)))

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Recipe:
        """Read what `to_dict` gave.

        Raises:
            RecipeError: a format, a setting or a value that is not known.
        """
        version = value.get("format_version") if isinstance(value, dict) else None
        if version != FORMAT_VERSION:
            raise RecipeError(f"recipe of format {version}; this version reads {FORMAT_VERSION}")
        if "name" not in value:
            raise RecipeError("the recipe has no name")
        return build(cls, {k: v for k, v in value.items() if k != "format_version"}, "")

    def save(self, path: Path) -> None:
        """Write the recipe as JSON, atomically."""
        artifacts.write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read what `save` wrote."""
        try:
            value = artifacts.read_json(path)
        except ValueError as error:
            raise RecipeError(f"{path} is not JSON: {error}") from error
        return cls.from_dict(value)

    def with_settings(self, settings: Iterable[str]) -> Recipe:
        """The recipe with all `path=value` applied, as in `--set fit.l2=10`, then checked.

        Raises:
            RecipeError: a path that does not exist, or a value of the wrong kind or range.
        """
        tree, leaves = self.to_dict(), list_leaves(type(self))
        for setting in settings:
            path, separator, text = (part.strip() for part in setting.partition("="))
            if not separator:
                raise RecipeError(f"--set {setting}: write path=value, such as fit.l2=10")
            if path not in leaves:
                raise RecipeError(f"--set {setting}: {describe_unknown(path, list(leaves))}")
            *branches, leaf = path.split(".")
            node = functools.reduce(dict.__getitem__, branches, tree)
            node[leaf] = parse(text, leaves[path], f"--set {path}")
        return self.from_dict(tree)
