"""Which images a recipe trains on, and how common each class is made by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lesionlab.core.recipe import Recipe
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData


@dataclass(frozen=True, kw_only=True, eq=False)
class SampledRows:
    """The rows of a role that are used, and what to say of them."""

    rows: pd.DataFrame
    target_index: np.ndarray
    """(N,) int64."""
    notes: tuple[str, ...]


def find_targets(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """(N,) int64 index of each row's class."""
    return rows["target"].map({name: k for k, name in enumerate(classes)}).to_numpy(np.int64)


def sample_rows(data: PreparedData, recipe: Recipe, role: Role) -> SampledRows:
    """The rows of `train` or `valid` that the recipe's sample settings take, in id order.

    A number that the role cannot fill is reduced and noted; with a number per class, all classes
    that have an image get the number of the smallest.
    """
    rows = data.rows(role)
    targets = find_targets(rows, data.classes)
    per_class = getattr(recipe.sample, f"{role}_per_class")
    wanted = getattr(recipe.sample, f"{role}_images")
    generator = np.random.default_rng([recipe.seed, ("train", "valid", "test").index(role)])
    order = generator.permutation(len(rows))
    notes: tuple[str, ...] = ()
    if per_class:
        counts = np.bincount(targets, minlength=len(data.classes))
        number = min(per_class, int(counts[counts > 0].min()))
        if number < per_class:
            smallest = data.classes[int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))]
            notes = ((f"sample.{role}_per_class is {per_class:,}, and class {smallest} has "
                      f"{number:,} images in the {role} role: {number:,} of each class are used"),)
        chosen = np.concatenate(
            [order[targets[order] == k][:number] for k in range(len(data.classes))])
    else:
        chosen = order[:wanted or len(order)]
        if wanted > len(rows):
            notes = ((f"sample.{role}_images is {wanted:,}, and the {role} role has "
                      f"{len(rows):,}: all are used"),)
    chosen = np.sort(chosen)
    return SampledRows(rows=rows.iloc[chosen], target_index=targets[chosen], notes=notes)


def find_prior(target_index: np.ndarray, num_classes: int) -> np.ndarray:
    """(K,) float64 share of each class, half an image added to each so that none is impossible."""
    counts = np.bincount(target_index, minlength=num_classes) + 0.5
    return counts / counts.sum()


def find_trained_prior(recipe: Recipe, target_index: np.ndarray, num_classes: int) -> np.ndarray:
    """(K,) float64 share of each class as the loss sees it: sample, sampler and weights."""
    prior = find_prior(target_index, num_classes)
    if recipe.fit.sampler == "balanced":
        is_present = np.bincount(target_index, minlength=num_classes) > 0
        prior = np.where(is_present, 1.0, 1e-6)
    prior = prior * find_class_weights(recipe, target_index, num_classes)
    return prior / prior.sum()


def find_class_weights(recipe: Recipe, target_index: np.ndarray, num_classes: int) -> np.ndarray:
    """(K,) float64 weight of each class in the loss, 1 on average over the images."""
    prior = find_prior(target_index, num_classes)
    weights = prior ** -recipe.fit.class_weight_power
    return weights / (weights * prior).sum()


def find_logit_shift(trained_prior: np.ndarray, natural_prior: np.ndarray) -> np.ndarray:
    """(K,) to be added to logits that were learned under one prior and are used under another.

    Bayes' rule (Saerens et al. 2002, doi 10.1162/089976602753284446, equation 2.4).
    """
    shift = np.log(natural_prior) - np.log(trained_prior)
    return shift - shift.mean()


def find_natural_shift(
    data: PreparedData, recipe: Recipe, target_index: np.ndarray
) -> np.ndarray:
    """(K,) from the prior of training on rows of these targets to that of the valid role."""
    num_classes = len(data.classes)
    natural = find_prior(find_targets(data.rows("valid"), data.classes), num_classes)
    return find_logit_shift(find_trained_prior(recipe, target_index, num_classes), natural)


def draw_epoch(
    recipe: Recipe, target_index: np.ndarray, epoch: int, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and views of one epoch in order, (N * views_per_epoch,) int64 each.

    Image n goes through its views in turn from `offsets[n]` on, so that cached views are used
    equally often and views drawn anew never repeat before all have been seen; one that the
    balanced sampler draws again in an epoch goes on to its next views.
    """
    generator = np.random.default_rng([recipe.seed, 1, epoch])
    rows = np.arange(len(target_index))
    if recipe.fit.sampler == "balanced":
        counts = np.bincount(target_index)
        shares = (1 / counts[target_index]) / (counts > 0).sum()
        rows = generator.choice(rows, size=len(rows), p=shares / shares.sum())
    num_views, number = recipe.image.num_views, recipe.image.views_per_epoch
    rows = np.repeat(rows, number)
    repeats = pd.Series(rows).groupby(rows).cumcount().to_numpy()
    views = (offsets[rows] + (epoch - 1) * number + repeats) % num_views
    order = generator.permutation(len(rows))
    return rows[order], views[order]
