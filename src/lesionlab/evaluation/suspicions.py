"""Whether a score is what it seems: against simpler models, other images, and many looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from lesionlab.core.cohort import list_some
from lesionlab.core.findings import Finding
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import bootstrap, dependences
from lesionlab.evaluation.areas import LEAST_GROUPS, Bounds, take_known
from lesionlab.evaluation.background import TOO_FEW, Case, Rival, say
from lesionlab.evaluation.contents import Baseline

NEGLIGIBLE = 0.02
"""A lead in AUROC that is surely below it is none."""
STRONG = 0.75
"""A rival on shortcuts whose AUROC is surely above it, and is not surely beaten, is an issue."""
FAR = 0.05
"""A difference in AUROC between two parts of one cohort that is surely above it is an issue."""
FAR_FROM_TRAINING = 0.1
"""Models know their training images better than others; from here on it is worth a word."""
MOST_LOOKS = 20
"""Models on the same test images from which on the best of them is worth a word."""


def judge(case: Case) -> tuple[Finding, ...]:
    """The findings LL721 to LL728, in the order of their codes."""
    return (_judge_metadata(case), _judge_shortcuts(case), *_judge_others(case),
            dependences.judge_sources(case), dependences.judge_files(case),
            dependences.judge_prevalence(case), _judge_looks(case))


def score_rival(case: Case, rival: Rival) -> Baseline:
    """The AUROC of a rival with its 95 % interval, over the classes that the report's is over."""
    present = [k for k in case.shown if 0 < (case.sample.target_index == k).sum() < len(case.ids)]
    auroc = case.bench.measure(take_probabilities(case, rival), present)
    interval = bootstrap.find_interval(auroc.draws)
    return Baseline(name=f"logistic regression on {rival.label}", auroc=auroc.value,
                    ci_low=interval.low, ci_high=interval.high)


def take_probabilities(case: Case, rival: Rival) -> np.ndarray:
    """(N, K) float64 of a rival, in the order of the images that are scored."""
    return rival.probabilities.loc[case.ids].to_numpy(np.float64)


@dataclass(frozen=True, kw_only=True)
class _Duel:
    """A model and a rival on the same images."""

    model: float
    rival: Bounds
    lead: Bounds
    """Of the model."""


def _fight(case: Case, rival: Rival) -> _Duel | None:
    """None where no class has enough groups."""
    classes = case.bench.find_classes()
    if not classes:
        return None
    own = case.measure(classes)
    other = case.bench.measure(take_probabilities(case, rival), classes)
    return _Duel(model=own.value, rival=other.bound(), lead=(own - other).bound())


def _judge_metadata(case: Case) -> Finding:
    return _judge_rival(
        case, "LL721", "Against metadata alone", case.background.metadata_rival,
        "the image adds nothing to what is known without it; check that each image has its own "
        "label, then the training, and report the simpler model beside this one", strong=1.0)


def _judge_shortcuts(case: Case) -> Finding:
    return _judge_rival(
        case, "LL722", "Against file and provenance", case.background.shortcut_rival,
        "the score may come from where an image was made and not from the lesion; test on "
        "images of another source, and report the simpler model beside this one", strong=STRONG)


def _judge_rival(
    case: Case, code: str, title: str, rival: Rival | None, remedy: str, *, strong: float
) -> Finding:
    """A rival that is surely above `strong` and not surely beaten is an issue by itself."""
    if not case.background.sees_image:
        return say(code, title, "not_applicable", "The model sees no image.")
    if rival is None:
        return say(code, title, "not_applicable", (
            "There is nothing to compare with: no such column tells the training images apart, or "
            "these are not validation or test images of the cohort that the model learned from."))
    duel = _fight(case, rival)
    if duel is None:
        return say(code, title, "not_applicable", TOO_FEW)
    simple = f"a logistic regression on {list_some(rival.columns, 3)}"
    text = (f"AUROC {duel.model:.2f} against {duel.rival.value:.2f} of {simple}, "
            f"difference {duel.lead}")
    if duel.lead.low > 0:
        return say(code, title, "passed", f"{text}.", value=duel.lead.value)
    if not duel.rival.low > 0.5:
        return say(code, title, "passed", value=duel.lead.value, explanation=(
            f"{text}: the simpler model itself is no better than chance."))
    if duel.lead.high < NEGLIGIBLE or duel.rival.low > strong:
        return say(code, title, "issue", f"{text}: {remedy}.",
                   value=duel.lead.value, count=len(case.ids))
    return say(code, title, "tip", value=duel.lead.value, count=len(case.ids), explanation=(
        f"{text}: so few images cannot tell the two apart; do not claim more than the "
        "simpler model reaches, or gather more images."))


def _judge_others(case: Case) -> tuple[Finding, Finding]:
    """LL723 and LL724: the two sides of the same differences."""
    found = {name: gap for name, other in case.background.others.items()
             if (gap := _compare(case, other, len(case.background.others))) is not None}
    titles = "Far below other images", "Far above other images"
    if not found:
        text = ("There are no predictions of this model on validation or training images of the "
                f"cohort to compare with, or too few groups of a class (under {LEAST_GROUPS}).")
        return (say("LL723", titles[0], "not_applicable", text),
                say("LL724", titles[1], "not_applicable", text))
    return _judge_below(found, titles[0]), _judge_above(found, titles[1])


@dataclass(frozen=True, kw_only=True)
class _Gap:
    """What a model scores here and on other images."""

    here: float
    there: float
    above: Bounds
    """By how much it scores higher here."""

    def say(self, name: str) -> str:
        """In words."""
        return (f"AUROC is {self.here:.2f} here and {self.there:.2f} on {name} images, "
                f"difference {self.above}")


def _compare(case: Case, other: Predictions, num_compared: int) -> _Gap | None:
    """The model here and on other images of the cohort; None where no class has enough groups."""
    there = replace(case.bench, seed=case.bench.seed + 1, sample=take_known(other))
    classes = [k for k in case.bench.find_classes() if k in there.find_classes()]
    if not classes:
        return None
    one = case.measure(classes)
    two = there.measure(there.sample.probabilities, classes)
    # Other groups and another seed: the draws are independent, so that they can be subtracted.
    return _Gap(here=one.value, there=two.value, above=(one - two).bound(num_compared))


def _judge_below(found: dict[str, _Gap], title: str) -> Finding:
    name, gap = max(found.items(), key=lambda item: _exceed(*item))
    text, is_by_heart = gap.say(name), name == "training"
    if _exceed(name, gap) <= 0:
        return say("LL723", title, "passed", f"{text}: no more than to be expected.",
                   value=gap.above.value)
    if is_by_heart:
        return say("LL723", title, "tip", value=gap.above.value, explanation=(
            f"{text}: the model knows its training images by heart; quote no score of theirs, and "
            "regularise more or gather more images."))
    is_far = -gap.above.high > FAR
    return say("LL723", title, "issue" if is_far else "tip", value=gap.above.value, explanation=(
        f"{text}: settings were fitted to those images too closely, or these are of another kind; "
        "compare sources, devices and classes of the two, and choose among fewer settings."))


def _exceed(name: str, gap: _Gap) -> float:
    """By how much it is surely lower here than may be expected, beyond 0 where it is."""
    return -gap.above.high - (FAR_FROM_TRAINING if name == "training" else 0.0)


def _judge_above(found: dict[str, _Gap], title: str) -> Finding:
    name, gap = max(found.items(), key=lambda item: item[1].above.low)
    text = gap.say(name)
    if gap.above.low <= 0:
        return say("LL724", title, "passed", f"{text}: no more than to be expected.",
                   value=gap.above.value)
    is_far = gap.above.low > FAR
    return say("LL724", title, "issue" if is_far else "tip", value=gap.above.value, explanation=(
        f"{text}: no model knows images better that it never saw; look for copies of training "
        "images among these, for settings that were chosen by their scores, and for easier "
        "cases."))


def _judge_looks(case: Case) -> Finding:
    title, looks = "Looks at the test images", case.background.looks
    if looks is None:
        return say("LL728", title, "not_applicable",
                   "Looks are counted where test images are scored, and these are others.")
    if looks.num <= MOST_LOOKS:
        return say("LL728", title, "passed", looks.text, value=looks.num)
    return say("LL728", title, "tip", value=looks.num, explanation=(
        f"{looks.num:,} different models have been scored on these images, and the best of so many "
        f"equal ones looks better than it is{_gain_by_luck(case, looks.num)}; choose on validation "
        "images, and confirm the choice on images that nobody has looked at."))


def _gain_by_luck(case: Case, num_models: int) -> str:
    """How far the best of independent models of one strength lies above it on average, in words."""
    classes: Sequence[int] = case.bench.find_classes()
    if not classes:
        return ""
    draws = case.measure(classes).draws
    # Blom's approximation of the largest of n normal numbers.
    reach = norm.ppf((num_models - 0.375) / (num_models + 0.25))
    return f", in AUROC by up to {reach * np.nanstd(draws):.2f}"
