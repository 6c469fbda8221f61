"""What finished runs must agree in to become the members of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from lesionlab.core.cohort import join_problems, list_some
from lesionlab.core.errors import InputError, StoreError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.external_data import find_trained_folder
from lesionlab.training.joined_graph import FLOOR
from lesionlab.training.run import TrainedRun


def load_training_data(run: TrainedRun) -> PreparedData:
    """The data that a run was trained on.

    Raises:
        StoreError: they are gone, or others are in their place.
    """
    folder = find_trained_folder(run.folder)
    if not folder.is_dir():
        raise StoreError(f"the data of {run.folder} are no longer at {folder}; put them there, or "
                         "train the run again")
    data, digest = PreparedData.load(folder), run.bundle.manifest["digests"]["data"]
    if data.digest != digest:
        raise StoreError(f"{run.folder} was trained on data {digest[:12]}, and {folder} holds "
                         f"{data.digest[:12]} now; train the run again")
    return data


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log(p) / temperature) of (N, classes) float64 as an ensemble applies it."""
    if temperature == 1:
        return probabilities
    return softmax(np.log(np.maximum(probabilities, FLOOR)) / temperature, axis=1)


def check_members(
    members: Sequence[TrainedRun], data: PreparedData, *, may_have_seen_valid: bool
) -> None:
    """Check that the mean of the members' probabilities means something, on `data` too.

    Raises:
        InputError: fewer than two members; or they differ in what they predict or see; or one was
            trained on test images of `data`, on other targets, or on valid images where that is
            not allowed.
        StoreError: the data of a member are gone.
    """
    if len(members) < 2:
        raise InputError(f"an ensemble needs two or more runs, got {len(members)}; name them by "
                         "--set model.members=RUN,RUN")
    problems = _differences(members, data)
    problems = problems or [problem for member in members
                            for problem in _data_problems(member, data, may_have_seen_valid)]
    if problems:
        raise InputError(join_problems("these runs cannot be one ensemble", problems))


def _differences(members: Sequence[TrainedRun], data: PreparedData) -> list[str]:
    """How members differ from the data in what they predict, and from one another in images."""
    wanted = f"{data.target} ({', '.join(data.classes)})"
    problems = []
    seeing = [member for member in members if member.bundle.preprocessing]
    for member in members:
        found = f"{member.bundle.manifest['target']} ({', '.join(member.bundle.classes)})"
        if found != wanted:
            problems.append(f"{member.folder} predicts {found}, {data.folder} is of {wanted}")
        if member.bundle.score_names:
            problems.append(f"{member.folder} compares a patient's images with each other, which "
                            "an ensemble cannot do; leave it out")
    for member in seeing[1:]:
        settings = [run.bundle.manifest["preprocessing"] for run in (seeing[0], member)]
        differing = [name for name in settings[0] if settings[0][name] != settings[1].get(name)]
        if differing:
            problems.append(f"{seeing[0].folder} and {member.folder} prepare images differently: "
                            + ", ".join(f"{name} {settings[0][name]} and {settings[1].get(name)}"
                                        for name in differing))
    return problems


def _data_problems(
    member: TrainedRun, data: PreparedData, may_have_seen_valid: bool
) -> list[str]:
    """Why a member that was trained on other data than `data` cannot stand beside the rest."""
    if member.bundle.manifest["digests"]["data"] == data.digest:
        return []
    own = load_training_data(member)
    if own.manifest.get("derived_from") != data.digest:
        return [(f"{member.folder} was trained on data {own.digest[:12]}, which are neither "
                 f"{data.folder} ({data.digest[:12]}) nor derived from it")]
    columns = ["role", "target"]
    both = own.frame[columns].join(data.frame[columns].add_suffix("_here"))
    others = both.index[both["target"] != both["target_here"]]
    leaked = both.index[(both["role"] != "test") & (both["role_here"] == "test")]
    seen = both.index[(both["role"] == "train") & (both["role_here"] == "valid")]
    problems = []
    if len(others):
        problems.append(f"{member.folder} was trained with other targets for {len(others)} images "
                        f"of {data.folder}: {list_some(others)}")
    if len(leaked):
        problems.append(f"{member.folder} was trained on {len(leaked)} test images of "
                        f"{data.folder}: {list_some(leaked)}")
    if len(seen) and not may_have_seen_valid:
        problems.append(f"{member.folder} was trained on {len(seen)} valid images of "
                        f"{data.folder}, on which thresholds are chosen: {list_some(seen)}")
    return problems
