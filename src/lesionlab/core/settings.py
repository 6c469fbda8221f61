"""The settings of a recipe, by what they decide, each checked when it is made."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Literal

from lesionlab.core.cohort import join_problems
from lesionlab.core.errors import RecipeError
from lesionlab.core.terms import COLUMNS, OTHER_NAMES, REASONS, Role
from lesionlab.core.typed_tree import settle

Head = Literal["prevalence", "linear", "mlp", "boosting", "stack", "ensemble"]


def check_settings(title: str, *claims: tuple[bool, str]) -> None:
    """Raise RecipeError with the text of every claim that does not hold."""
    problems = [text for is_true, text in claims if not is_true]
    if problems:
        raise RecipeError(join_problems(f"{title} out of range", problems))


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What is computed: a backbone, metadata or both, and a head on top."""

    backbone: str = ""
    """A timm name or `study_cnn`; empty for a model that sees no image."""
    weights: str = "package"
    """`package`, `file:PATH`, `hub`, or `random` for none."""
    tuning: Literal["features", "network"] = "features"
    """`features`: the backbone is frozen and its first stages are pooled for a head of any kind.
    `network`: backbone, metadata branch and head are one network, trained by its gradient."""
    num_stages: int = 6
    """For `features`: how many first stages are pooled; later ones are left out."""
    num_frozen_stages: int = 0
    """For `network`: the stem and this many first stages keep their weights, so that their output
    is computed once; 0 trains everything, -1 nothing but the head."""
    head: Head = "linear"
    hidden_units: tuple[int, ...] = (64,)
    """Width of each hidden layer of an `mlp` head."""
    dropout: float = 0.0
    """Share of units dropped after each hidden layer of an `mlp` head (of a network without one,
    before its only layer), in training only."""
    num_members: int = 1
    """How many `mlp` heads, from as many seeds, are averaged."""
    fusion: Literal["concat", "metablock"] = "concat"
    """How a network joins image and metadata: side by side, or metadata scaling the image's
    channels (MetaBlock, Pacheco and Krohling 2021, doi 10.1109/JBHI.2021.3062002)."""
    metadata_units: tuple[int, ...] = (32, 16)
    """Width of each layer of a network's metadata branch."""
    members: tuple[str, ...] = ()
    """Folders of the runs that an `ensemble` averages."""

    def __post_init__(self) -> None:
        settle(self)
        is_file = self.weights.startswith("file:") and self.weights != "file:"
        check_settings(
            "model settings are",
            (is_file or self.weights in ("package", "hub", "random"),
             f"weights is {self.weights!r}, not package, file:PATH, hub or random"),
            (all(units > 0 for units in self.hidden_units),
             f"hidden_units is {self.hidden_units}, not all above 0"),
            (self.num_stages >= 1, f"num_stages is {self.num_stages}, below 1"),
            (self.num_frozen_stages >= -1,
             f"num_frozen_stages is {self.num_frozen_stages}, below -1"),
            (0 <= self.dropout < 1, f"dropout is {self.dropout}, not in [0, 1)"),
            (1 <= self.num_members <= 50, f"num_members is {self.num_members}, not in 1 to 50"),
            (len(self.metadata_units) > 0 and all(units > 0 for units in self.metadata_units),
             f"metadata_units is {self.metadata_units}, not one or more, all above 0"),
        )


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """How stored images become the pixels that the backbone sees."""

    size_px: int = 224
    """Side of the square input, in pixels."""
    num_views: int = 1
    """Views of each training image: the plain one and `num_views - 1` augmented ones."""
    views_per_epoch: int = 1
    """For a network: how many views of each image an epoch goes through, in turn. Heads on
    features see all views in each epoch."""
    augmentation: Literal["light", "study", "strong"] = "light"
    """How far an augmented view is from the plain one; see `inputs.views`."""
    num_test_views: Literal[1, 2, 4, 8] = 1
    """For a network: flips and turns of each image that the bundle averages over."""

    def __post_init__(self) -> None:
        settle(self)
        check_settings(
            "image settings are",
            (32 <= self.size_px <= 1024, f"size_px is {self.size_px}, not in 32 to 1024"),
            (1 <= self.num_views <= 1000, f"num_views is {self.num_views}, not in 1 to 1000"),
            (1 <= self.views_per_epoch <= self.num_views,
             f"views_per_epoch is {self.views_per_epoch}, not in 1 to num_views"),
        )


@dataclass(frozen=True, kw_only=True)
class MetadataSettings:
    """Which columns become features."""

    columns: tuple[str, ...] = ()
    """Names from the table of columns; only those with the role `input` are taken."""
    dropout: float = 0.0
    """Share of a network's training images whose metadata are hidden, so that it learns to do
    without."""

    def __post_init__(self) -> None:
        settle(self)
        problems = [f"{name!r} cannot be a feature: {refusal}" for name in self.columns
                    if (refusal := refuse_feature(name))]
        repeated = sorted({name for name in self.columns if self.columns.count(name) > 1})
        problems += [f"{name!r} stands more than once" for name in repeated]
        if not 0 <= self.dropout <= 1:
            problems.append(f"dropout is {self.dropout}, not in [0, 1]")
        if problems:
            raise RecipeError(join_problems("metadata.columns is out of range", problems))


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Which images of a role are used; 0 is all. Drawn by seed, whole roles never mixed."""

    train_per_class: int = 0
    """Most training images of each class, the same number for all: the smallest class decides."""
    valid_per_class: int = 0
    """The same for the images that stop the training; calibration always uses the whole role."""
    train_images: int = 0
    """Most training images, at the prevalence of the role."""
    valid_images: int = 0
    """The same for the images that stop the training."""

    def __post_init__(self) -> None:
        settle(self)
        counts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        check_settings(
            "sample settings are",
            *((value >= 0, f"{name} is {value}, below 0") for name, value in counts.items()),
            *((not (counts[f"{role}_per_class"] and counts[f"{role}_images"]),
               f"{role}_per_class and {role}_images are both set: choose one")
              for role in ("train", "valid")),
        )


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How the head or the network is fitted."""

    l2: float = 1.0
    """Strength of the squared penalty: scikit-learn's 1/C for `linear`, weight decay for `mlp`
    and networks."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """Of a network."""
    learning_rate: float = 1e-3
    """Largest step of the optimiser, shrinkage for `boosting`."""
    schedule: Literal["constant", "one_cycle", "cosine"] = "constant"
    """How the step changes: not at all, or up and down over all epochs; `cosine`, of networks, is
    a linear warm-up over `warm_up` and then half a cosine."""
    warm_up: float = 0.1
    """Share of all steps in which the step grows under `cosine`."""
    batch_size: int = 128
    accumulate: int = 1
    """Batches whose gradients are summed before a network takes a step."""
    max_epochs: int = 100
    """Most epochs, or rounds of `boosting`."""
    patience: int = 10
    """Epochs or rounds without a better `stop_on` before stopping; the best is kept."""
    stop_on: Literal["valid_loss", "valid_auroc"] = "valid_loss"
    """What decides a network's best epoch."""
    frozen_epochs: int = 0
    """Most epochs in which a network's head is fitted to the frozen backbone, before the rest."""
    frozen_learning_rate: float = 1e-3
    """The step in these epochs."""
    unfreeze: Literal["at_once", "by_stage"] = "at_once"
    """After these: all stages that are not frozen, or one more each epoch, the last one first."""
    layer_decay: float = 1.0
    """Factor of the step from one stage of a network to the one before it."""
    clip_norm: float = 0.0
    """Largest norm of a network's gradient; 0 is any."""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """Of a network; focal as in Lin et al. 2017 (arXiv 1708.02002)."""
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weight_power: float = 0.0
    """A network's loss of an image counts (1 / share of its class) to this power."""
    decision_power: float = 0.0
    """Of more than two classes, the highest probability decides after each is multiplied by
    (1 / share of its class) to this power: 0 makes fewest errors, more finds rare classes."""
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    """An epoch of a network takes each image once, or draws as often from each class."""
    mixup: float = 0.0
    """Alpha of mixup (Zhang et al. 2018, arXiv 1710.09412), on half of the batches; 0 is none."""
    cutmix: float = 0.0
    """Alpha of cutmix (Yun et al. 2019, arXiv 1905.04899), on the other half; 0 is none."""
    ema_decay: float = 0.0
    """Decay of the moving average of a network's weights that is kept in their place; 0 is none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What a network is trained in; `auto` is what a short trial finds fastest."""

    def __post_init__(self) -> None:
        settle(self)
        steps = {name: getattr(self, name) for name in ("learning_rate", "frozen_learning_rate")}
        whole = {name: getattr(self, name)
                 for name in ("batch_size", "accumulate", "max_epochs", "patience")}
        shares = {name: getattr(self, name)
                  for name in ("warm_up", "label_smoothing", "ema_decay")}
        from_0 = {name: getattr(self, name) for name in (
            "l2", "clip_norm", "focal_gamma", "mixup", "cutmix")}
        powers = {name: getattr(self, name) for name in ("class_weight_power", "decision_power")}
        check_settings(
            "fit settings are",
            *((0 <= value < math.inf, f"{name} is {value}, not a number from 0")
              for name, value in from_0.items()),
            *((0 < value <= 1, f"{name} is {value}, not in (0, 1]")
              for name, value in steps.items()),
            *((value >= 1, f"{name} is {value}, below 1") for name, value in whole.items()),
            *((0 <= value < 1, f"{name} is {value}, not in [0, 1)")
              for name, value in shares.items()),
            (self.frozen_epochs >= 0, f"frozen_epochs is {self.frozen_epochs}, below 0"),
            (0 < self.layer_decay <= 1, f"layer_decay is {self.layer_decay}, not in (0, 1]"),
            *((0 <= value <= 1, f"{name} is {value}, not in [0, 1]")
              for name, value in powers.items()),
        )


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
