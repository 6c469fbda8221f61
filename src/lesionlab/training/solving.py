"""Fitting a head to features: linear, perceptron, boosted trees, or none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from lesionlab.core.recipe import Recipe
from lesionlab.models.heads import (
    BoostedHead,
    DenseHead,
    Head,
    Layer,
    fold_standardisation,
    prior_head,
)
from lesionlab.models.perceptron import (
    build_perceptron,
    build_step,
    find_loss,
    one_thread,
    run_epoch,
)
from lesionlab.scaling.progress import progress

STD_FLOOR = 0.01
"""Added to standard deviations, so that what hardly varies cannot dominate a new image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadRows:
    """The rows of one role as a head sees them."""

    features: np.ndarray
    """(N, D) float32; the views of an image are rows of their own in training."""
    target_index: np.ndarray
    """(N,) int64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedHead:
    """A head and how it came about."""

    head: Head
    history: pd.DataFrame
    """A row per epoch or round: `epoch, member, train_loss, valid_loss, seconds`."""


def fit_head(recipe: Recipe, train: HeadRows, valid: HeadRows, num_classes: int) -> FittedHead:
    """The head that the recipe names, fitted on `train`, stopped early on `valid`."""
    solvers: dict[str, Callable[..., FittedHead]] = {
        "prevalence": _fit_prior, "linear": _fit_linear, "mlp": _fit_perceptrons,
        "boosting": _fit_trees}
    return solvers[recipe.model.head](recipe, train, valid, num_classes)


def _fit_prior(
    recipe: Recipe, train: HeadRows, valid: HeadRows, num_classes: int
) -> FittedHead:
    del recipe
    start = time.perf_counter()
    counts = np.bincount(train.target_index, minlength=num_classes)
    head = prior_head(train.features.shape[1], counts)
    return FittedHead(head=head, history=_one_row(head, train, valid, start))


def _fit_linear(
    recipe: Recipe, train: HeadRows, valid: HeadRows, num_classes: int
) -> FittedHead:
    """Multinomial logistic regression on standard scores, squared penalty `fit.l2`."""
    start = time.perf_counter()
    mean, std = _standard(train.features)
    solver = LogisticRegression(C=1 / max(recipe.fit.l2, 1e-12), max_iter=2000, tol=1e-5)
    solver.fit((train.features - mean) / std, train.target_index)
    weight = np.zeros((train.features.shape[1], num_classes))
    bias = np.full(num_classes, -20.0)  # a class without a training row is all but impossible
    present = np.asarray(solver.classes_)
    if len(present) == 2:
        weight[:, present[1]] = solver.coef_[0]
        bias[present] = [0.0, *np.asarray(solver.intercept_)]
    else:
        weight[:, present], bias[present] = solver.coef_.T, solver.intercept_
    head = DenseHead(members=((fold_standardisation(weight, bias, mean, std),),))
    return FittedHead(head=head, history=_one_row(head, train, valid, start))


def _fit_trees(
    recipe: Recipe, train: HeadRows, valid: HeadRows, num_classes: int
) -> FittedHead:
    """Gradient-boosted trees by LightGBM, one process, the same result on every run."""
    import lightgbm

    start = time.perf_counter()
    losses: dict[str, dict[str, list[float]]] = {}
    # Not its scikit-learn classifier, which knows only the classes that stand in the train role.
    objective = {"objective": "binary"} if num_classes == 2 else {
        "objective": "multiclass", "num_class": num_classes}
    settings = objective | {
        "learning_rate": recipe.fit.learning_rate, "num_leaves": 15, "min_data_in_leaf": 20,
        "lambda_l2": recipe.fit.l2, "bagging_fraction": 0.8, "bagging_freq": 1,
        "feature_fraction": 0.8, "seed": recipe.seed, "deterministic": True,
        "force_row_wise": True, "num_threads": 1, "verbosity": -1}
    sets = [lightgbm.Dataset(rows.features, rows.target_index) for rows in (train, valid)]
    booster = lightgbm.train(
        settings, sets[0], num_boost_round=recipe.fit.max_epochs, valid_sets=sets,
        valid_names=["train", "valid"],
        callbacks=[lightgbm.record_evaluation(losses), lightgbm.early_stopping(
            recipe.fit.patience, first_metric_only=True, verbose=False)])
    metric = next(iter(losses["valid"]))
    history = pd.DataFrame({
        "epoch": np.arange(1, len(losses["valid"][metric]) + 1), "member": 0,
        "train_loss": losses["train"][metric], "valid_loss": losses["valid"][metric]})
    history["seconds"] = (time.perf_counter() - start) / len(history)
    head = BoostedHead(booster=booster, num_features=train.features.shape[1])
    return FittedHead(head=head, history=history)


def _fit_perceptrons(
    recipe: Recipe, train: HeadRows, valid: HeadRows, num_classes: int
) -> FittedHead:
    """`model.num_members` perceptrons from as many seeds."""
    mean, std = _standard(train.features)
    members, histories = [], []
    total = recipe.model.num_members * recipe.fit.max_epochs
    with progress(total, "fitting the head", "epochs") as bar:
        for member in range(recipe.model.num_members):
            layers, history = _fit_perceptron(
                recipe, member, [_scored(rows, mean, std) for rows in (train, valid)],
                num_classes, bar.update)
            first = fold_standardisation(layers[0].weight, layers[0].bias, mean, std)
            members.append((first, *layers[1:]))
            histories.append(history.assign(member=member))
    columns = ["epoch", "member", "train_loss", "valid_loss", "seconds"]
    return FittedHead(head=DenseHead(members=tuple(members)),
                      history=pd.concat(histories, ignore_index=True)[columns])


def _fit_perceptron(
    recipe: Recipe, member: int, roles: list[HeadRows], num_classes: int,
    on_epoch: Callable[[int], object],
) -> tuple[list[Layer], pd.DataFrame]:
    """One perceptron by AdamW; the epoch of the lowest validation loss is kept."""
    import torch

    train, valid = ((torch.tensor(rows.features), torch.tensor(rows.target_index))
                    for rows in roles)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed * 1000 + member)
        network = build_perceptron(
            train[0].shape[1], recipe.model.hidden_units, num_classes, recipe.model.dropout)
        step = build_step(network, recipe, num_rows=len(train[0]))
        rows, best, best_epoch, state = [], np.inf, 0, network.state_dict()
        for epoch in range(1, recipe.fit.max_epochs + 1):
            start = time.perf_counter()
            train_loss = run_epoch(network, step, train, recipe.fit.batch_size)
            valid_loss = find_loss(network, valid)
            rows.append((epoch, train_loss, valid_loss, time.perf_counter() - start))
            on_epoch(1)
            if valid_loss < best:
                best, best_epoch = valid_loss, epoch
                state = {key: value.clone() for key, value in network.state_dict().items()}
            elif epoch - best_epoch >= recipe.fit.patience:
                break
    network.load_state_dict(state)
    layers = [Layer(part.weight.detach().numpy().T.copy(), part.bias.detach().numpy().copy())
              for part in network if isinstance(part, torch.nn.Linear)]
    return layers, pd.DataFrame(rows, columns=["epoch", "train_loss", "valid_loss", "seconds"])


def _standard(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, the latter infinite where it is constant.

    So what was always the same in training, such as `sex=unseen`, can move no answer later.
    """
    is_constant = features.min(axis=0) == features.max(axis=0)
    std = np.where(is_constant, np.inf, features.std(axis=0) + STD_FLOOR)
    return features.mean(axis=0), std.astype(np.float32)


def _scored(rows: HeadRows, mean: np.ndarray, std: np.ndarray) -> HeadRows:
    return HeadRows(features=(rows.features - mean) / std, target_index=rows.target_index)


def _one_row(head: Head, train: HeadRows, valid: HeadRows, start: float) -> pd.DataFrame:
    """The history of a head that is fitted in one go."""
    losses = [_loss(head, rows) for rows in (train, valid)]
    return pd.DataFrame([[1, 0, *losses, time.perf_counter() - start]],
                        columns=["epoch", "member", "train_loss", "valid_loss", "seconds"])


def _loss(head: Head, rows: HeadRows) -> float:
    logits = head.logits(rows.features).astype(np.float64)
    shares = softmax(logits, axis=1)
    return float(log_loss(rows.target_index, shares, labels=np.arange(logits.shape[1])))
