"""Recipe: everything that decides what is trained, as a tree of scalars."""

from __future__ import annotations

import difflib
import functools
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lesionlab.core import artifacts
from lesionlab.core.cohort import join_problems
from lesionlab.core.errors import RecipeError
from lesionlab.core.terms import COLUMNS, OTHER_NAMES, REASONS, Role

FORMAT_VERSION = 1
Head = Literal["prevalence", "linear", "mlp", "boosting"]


def _check(title: str, *claims: tuple[bool, str]) -> None:
    problems = [text for is_true, text in claims if not is_true]
    if problems:
        raise RecipeError(join_problems(f"{title} out of range", problems))


def _settle(owner: Any) -> None:
    """Bring each field to its type, so that recipes that are equal have one digest."""
    for name, hint in get_type_hints(type(owner)).items():
        object.__setattr__(owner, name, _coerced(getattr(owner, name), hint, name))


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What is computed: a frozen backbone, metadata or both, and a head on top."""

    backbone: str = ""
    """A timm name; empty for a model that sees no image."""
    weights: str = "package"
    """`package`, `file:PATH` or `hub`."""
    num_stages: int = 6
    """How many of the backbone's first stages are pooled into features; later ones are left out."""
    head: Head = "linear"
    hidden_units: tuple[int, ...] = (64,)
    """Width of each hidden layer of an `mlp` head."""
    dropout: float = 0.0
    """Share of units dropped after each hidden layer of an `mlp` head, in training only."""
    num_members: int = 1
    """How many `mlp` heads, from as many seeds, are averaged."""

    def __post_init__(self) -> None:
        _settle(self)
        is_file = self.weights.startswith("file:") and self.weights != "file:"
        _check(
            "model settings are",
            (self.head in get_args(Head), f"head is {self.head!r}, not one of {get_args(Head)}"),
            (is_file or self.weights in ("package", "hub"),
             f"weights is {self.weights!r}, not package, file:PATH or hub"),
            (all(units > 0 for units in self.hidden_units),
             f"hidden_units is {self.hidden_units}, not all above 0"),
            (self.num_stages >= 1, f"num_stages is {self.num_stages}, below 1"),
            (0 <= self.dropout < 1, f"dropout is {self.dropout}, not in [0, 1)"),
            (1 <= self.num_members <= 50, f"num_members is {self.num_members}, not in 1 to 50"),
        )


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """How stored images become the pixels that the backbone sees."""

    size_px: int = 224
    """Side of the square input, in pixels."""
    num_views: int = 1
    """Views of each training image: the plain one and `num_views - 1` augmented ones."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(
            "image settings are",
            (32 <= self.size_px <= 1024, f"size_px is {self.size_px}, not in 32 to 1024"),
            (1 <= self.num_views <= 64, f"num_views is {self.num_views}, not in 1 to 64"),
        )


@dataclass(frozen=True, kw_only=True)
class MetadataSettings:
    """Which columns become features."""

    columns: tuple[str, ...] = ()
    """Names from the table of columns; only those with the role `input` are taken."""

    def __post_init__(self) -> None:
        _settle(self)
        problems = [f"{name!r} cannot be a feature: {refusal}" for name in self.columns
                    if (refusal := refuse_feature(name))]
        repeated = sorted({name for name in self.columns if self.columns.count(name) > 1})
        problems += [f"{name!r} stands more than once" for name in repeated]
        if problems:
            raise RecipeError(join_problems("metadata.columns is out of range", problems))


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How the head is fitted."""

    l2: float = 1.0
    """Strength of the squared penalty: scikit-learn's 1/C for `linear`, weight decay for `mlp`."""
    learning_rate: float = 1e-3
    """Adam's step for `mlp`, shrinkage for `boosting`."""
    schedule: Literal["constant", "one_cycle"] = "constant"
    """How the step of `mlp` changes: not at all, or up and then down over all epochs."""
    batch_size: int = 128
    max_epochs: int = 100
    """Most epochs of `mlp`, most rounds of `boosting`."""
    patience: int = 10
    """Epochs or rounds without a better validation loss before stopping; the best is kept."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(
            "fit settings are",
            (0 <= self.l2 < math.inf, f"l2 is {self.l2}, not a number from 0"),
            (0 < self.learning_rate <= 1, f"learning_rate is {self.learning_rate}, not in (0, 1]"),
            (self.batch_size >= 1, f"batch_size is {self.batch_size}, below 1"),
            (self.max_epochs >= 1, f"max_epochs is {self.max_epochs}, below 1"),
            (self.patience >= 1, f"patience is {self.patience}, below 1"),
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to train, complete: the same recipe on the same data gives the same model."""

    name: str
    seed: int = 0
    model: ModelSettings = field(default_factory=ModelSettings)
    image: ImageSettings = field(default_factory=ImageSettings)
    metadata: MetadataSettings = field(default_factory=MetadataSettings)
    fit: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        _settle(self)
        sees_something = bool(self.model.backbone or self.metadata.columns)
        _check(
            "the recipe is",
            (bool(self.name), "name is empty"),
            (0 <= self.seed < 2**31, f"seed is {self.seed}, not in 0 to {2**31 - 1}"),
            (self.model.head == "prevalence" or sees_something,
             "the model sees neither image nor metadata: set model.backbone or metadata.columns"),
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
        return _build(cls, {k: v for k, v in value.items() if k != "format_version"}, "")

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
        tree, leaves = self.to_dict(), _leaves(type(self))
        for setting in settings:
            path, separator, text = (part.strip() for part in setting.partition("="))
            if not separator:
                raise RecipeError(f"--set {setting}: write path=value, such as fit.l2=10")
            if path not in leaves:
                raise RecipeError(f"--set {setting}: {_unknown(path, list(leaves))}")
            *branches, leaf = path.split(".")
            node = functools.reduce(dict.__getitem__, branches, tree)
            node[leaf] = _parsed(text, leaves[path], f"--set {path}")
        return self.from_dict(tree)


def refuse_feature(name: str) -> str:
    """Why the column `name` may not become a feature; empty where it may."""
    roles: dict[str, Role] = {known: column.role for known, column in COLUMNS.items()}
    roles |= OTHER_NAMES
    if name in roles:
        return REASONS[roles[name]]
    inputs = [known for known, role in roles.items() if role == "input"]
    close = (difflib.get_close_matches(name.lower(), inputs, n=1)
             or [known for known in inputs if name.lower() in known.split("_")])
    return "it is not a known input column" + (f"; did you mean {close[0]!r}?" if close else "")


def _build(kind: Any, value: dict[str, Any], path: str) -> Any:
    """An instance of the dataclass `kind` from a JSON object."""
    if not isinstance(value, dict):
        raise RecipeError(f"{path.rstrip('.')} is {value!r}, not an object of settings")
    hints = get_type_hints(kind)
    unknown = [_unknown(path + name, [path + known for known in hints])
               for name in value if name not in hints]
    if unknown:
        raise RecipeError(join_problems("the recipe has settings that do not exist", unknown))
    parts = {}
    for name, item in value.items():
        hint = hints[name]
        parts[name] = (_build(hint, item, f"{path}{name}.") if is_dataclass(hint)
                       else _coerced(item, hint, path + name))
    return kind(**parts)


def _leaves(kind: Any, prefix: str = "") -> dict[str, Any]:
    """The type of every setting by its path, such as `fit.l2`."""
    leaves: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        leaves |= (_leaves(hint, f"{prefix}{name}.") if is_dataclass(hint)
                   else {prefix + name: hint})
    return leaves


def _unknown(path: str, known: list[str]) -> str:
    last = path.rpartition(".")[2]
    close = ([name for name in known if name.rpartition(".")[2] == last]
             or difflib.get_close_matches(path, known, n=1))
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return f"no setting {path!r}; {hint}"


def _parsed(text: str, hint: Any, path: str) -> Any:
    """The JSON value that `text` stands for, of the type `hint`."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        return [_parsed(item.strip(), inner, path) for item in text.split(",") if item.strip()]
    if hint in (int, float, bool):
        try:
            return _coerced(json.loads(text), hint, path)
        except json.JSONDecodeError:
            raise RecipeError(f"{path} is {text!r}, not {_article(hint)}") from None
    return text


def _coerced(item: Any, hint: Any, path: str) -> Any:
    """`item` as the type `hint`, or an error: no silent conversion but int to float."""
    if get_origin(hint) is tuple:
        if not isinstance(item, (list, tuple)):
            raise RecipeError(f"{path} is {item!r}, not a list")
        return tuple(_coerced(value, get_args(hint)[0], path) for value in item)
    if get_origin(hint) is Literal:
        return item
    if hint is float and type(item) is int:
        return float(item)
    if type(item) is not hint:
        raise RecipeError(f"{path} is {item!r}, not {_article(hint)}")
    return item


def _article(hint: type) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, hint.__name__)
