"""Labels that the pictures contradict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from lesionlab.auditing.association import ALPHA, NOTABLE
from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.contamination import Contamination, measure_contamination
from lesionlab.auditing.evidence import Evidence

DOUBTED = 0.2
"""Probability of the given label under which one is named."""
MOST_FREQUENT = 0.5
"""Share above which a class is what others are told from: that it is named where another class is
sure is the fate of any picture that looks like a rare disease."""
LEAST_UNITS = 30
"""Groups by label, of each side, from which on ends of a curve are looked at."""


def _find_doubtful_labels(evidence: Evidence) -> Verdict:
    reason = _say_why_not(evidence, 0.5 + NOTABLE)
    if reason:
        return Verdict(section="not_applicable", fact=reason)
    scores, labels = _list_scores(evidence)
    given = _find_given(scores, labels)
    found = _list_doubtful(scores, labels)
    found = found[given[found] < DOUBTED]
    if not len(found):
        return Verdict(section="passed", value=0, fact=(
            f"No label of {say_count(len(scores), 'image')} is clearly contradicted"))
    return Verdict(section="tip", value=len(found) / len(scores), isic_ids=found, fact=(
        f"{len(found):,} of {say_count(len(scores), 'label')} "
        f"({say_share(len(found) / len(scores))}) are contradicted by a simple model of the "
        "pictures; they may be wrong, or hard"))


def _find_contaminated_classes(evidence: Evidence) -> Verdict:
    reason = _say_why_not(evidence, 0.5)
    if reason:
        return Verdict(section="not_applicable", fact=reason)
    scores, labels = _list_scores(evidence)
    found = _judge_classes(scores, labels, evidence.data.frame["group_id"].loc[scores.index])
    if not found:
        return Verdict(section="not_applicable", fact=(
            f"No class has {LEAST_UNITS} groups, and at most half of the images"))
    name, first = min(found.items(), key=lambda item: (item[1].p_value, -item[1].share))
    text = (f"Of pictures that a simple model is surest are not {name}, "
            f"{say_share(first.share)} are labelled so")
    if first.p_value >= ALPHA / len(found):
        return Verdict(section="passed", value=first.share, fact=(
            f"Labels are as the pictures have them where these are clear: {text[0].lower()}"
            f"{text[1:]}, which may be chance"))
    return Verdict(
        section="issue", value=first.share, isic_ids=_list_doubtful(scores, labels),
        fact=f"{text} (p = {first.p_value:.1g} that it is a few odd pictures)")


def _say_why_not(evidence: Evidence, least: float) -> str | None:
    """Why labels cannot be doubted by the pictures here."""
    if evidence.why_no_features:
        return evidence.why_no_features
    told = evidence.tell_target("whole")
    if not told or told[0].low <= least or evidence.target_scores is None:
        return "Pictures tell too little of the label to doubt one by them"
    return None


def _list_scores(evidence: Evidence) -> tuple[pd.DataFrame, pd.Series]:
    """Probabilities and labels of the images that are judged."""
    assert evidence.target_scores is not None, "a probe told these classes apart"
    scores = evidence.target_scores.dropna()
    return scores, evidence.data.frame["target"].astype(str).loc[scores.index]


def _find_given(scores: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """Probability of the label that each image has."""
    places = scores.columns.get_indexer(pd.Index(labels))
    return pd.Series(scores.to_numpy()[np.arange(len(scores)), places], index=scores.index)


def _list_doubtful(scores: pd.DataFrame, labels: pd.Series) -> pd.Index:
    """Images that confident learning counts to another class."""
    places = scores.columns.get_indexer(pd.Index(labels))
    is_doubtful = find_label_issues(places, scores.to_numpy(), filter_by="confident_learning",
                                    n_jobs=1)
    return scores.index[np.asarray(is_doubtful, bool)]


def _judge_classes(
    scores: pd.DataFrame, labels: pd.Series, groups: pd.Series
) -> dict[str, Contamination]:
    """How far each class that can be judged is named where it is not."""
    units = pd.DataFrame({"label": labels, "group": groups}).drop_duplicates()["label"]
    counts, shares = units.value_counts(), labels.value_counts(normalize=True)
    names = [name for name in map(str, scores) if shares[name] <= MOST_FREQUENT
             and min(counts[name], len(units) - counts[name]) >= LEAST_UNITS]
    return {name: measure_contamination(scores[name], labels, groups, name) for name in names}


CHECKS = (
    Check(code="LL601", title="Doubtful labels", function=_find_doubtful_labels,
          why="Wrong labels in training teach the wrong thing, in a test they set a ceiling that "
              "no model can pass.",
          remedy="have a dermatologist look at them, blind to the label, before any is changed",
          how="By confident learning (Northcutt et al. 2021, doi 10.1613/jair.1.12125; cleanlab) "
              "on probabilities of a logistic regression on frozen features for groups that it "
              "did not see; labels that it gives less than 20 % are named.",
          causes=("LL304", "LL306", "LL307", "LL602")),
    Check(code="LL602", title="Labels of clear pictures",
          function=_find_contaminated_classes,
          why="Doubt belongs to hard pictures; where easy ones have the wrong label, labels were "
              "mixed up, copied wrongly, or given without care.",
          remedy="look at the listed images, compare their labels with the source, and find the "
                 "step that changed them",
          how="By the logistic curve of label over score with a free end (Richards 1959): where "
              "labels are right it ends at 0, whatever the doubt in between. Up to 3 % is "
              "tolerated; images of one group and label count as one.",
          causes=("LL304", "LL306", "LL307")),
)
