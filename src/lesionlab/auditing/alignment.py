"""Whether labels and metadata belong to their images."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lesionlab.auditing.association import LARGE, grade, separate_classes
from lesionlab.auditing.checks import Check, Verdict, say_count
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.leakage import differ_in, find_copies
from lesionlab.auditing.probing import choose_rows, probe
from lesionlab.core.cohort import list_some

VISIBLE = ("image_type", "fitzpatrick_skin_type")
"""Columns that anybody could fill in by looking at the picture."""


def _find_conflicts(evidence: Evidence) -> Verdict:
    data = evidence.data
    exact, near = (find_copies(data, kind) for kind in ("exact", "near"))
    bad = [differ_in(data, pairs, "target") for pairs in (exact, near)]
    total = len(exact) + len(near)
    if not total:
        return Verdict(section="not_applicable", fact="No image has a copy")
    if not len(bad[0]) + len(bad[1]):
        return Verdict(section="passed", value=0,
                       fact=f"{say_count(total, 'pair')} of copies, all of one label each")
    return Verdict(
        # Near copies may be two pictures of one scene; only equal files contradict each other.
        section="issue" if len(bad[0]) else "tip", value=len(bad[0]) + len(bad[1]),
        isic_ids=np.unique(pd.concat(bad)),
        pairs=pd.concat(bad).itertuples(index=False, name=None), fact=(
            f"{say_count(len(bad[0]), 'exact pair')} and {say_count(len(bad[1]), 'near pair')} of "
            f"{total:,} pairs of copies have two different labels"))


def _find_order(evidence: Evidence) -> Verdict:
    data = evidence.data
    ids = data.frame.index
    keys = sorted(range(len(ids)), key=lambda row: _natural_key(str(ids[row])))
    ranks = pd.Series(np.argsort(keys), index=ids, name="order")
    found = separate_classes(data.frame, ranks.to_frame(), data.classes)
    if not found:
        return Verdict(section="not_applicable",
                       fact="No class has enough groups to be told from the order of the ids")
    first = found[0]
    section = grade(first.distance)
    return Verdict(section=section, value=first.auroc, count=len(ids) * (section != "passed"),
                   fact=f"The order of the ids alone tells {first.class_name} from the rest with "
                        f"{first}")


def _natural_key(isic_id: str) -> list[tuple[int, str]]:
    """Sorts `img_9` before `img_10`, as most tools that number files mean it."""
    return [(int(part), "") if part.isdecimal() else (0, part)
            for part in re.split(r"(\d+)", isic_id)]


def _find_blind_labels(evidence: Evidence) -> Verdict:
    """Whether the picture tells the label at all, within the train role."""
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    rows = choose_rows(evidence.data.rows("train"))
    found = probe(rows, evidence.features("whole", rows.index), kind="features",
                  classes=evidence.data.classes)
    if not found:
        return Verdict(section="not_applicable", fact=(
            "No two classes have enough groups in training to be told apart"))
    first = found[0]
    text = f"{first.class_name} from the rest with {first} on groups it did not see"
    if first.low > 0.5:
        return Verdict(section="passed", value=first.auroc,
                       fact=f"A simple model of the pictures tells {text}")
    if first.high > 0.5 + LARGE:
        return Verdict(section="not_applicable", value=first.auroc, fact=(
            f"There are too few groups to say whether pictures tell labels: {text}"))
    return Verdict(section="issue", value=first.auroc, count=len(rows), fact=(
        f"Pictures tell the label no better than a coin: a simple model tells {text}"))


def _find_blind_metadata(evidence: Evidence) -> Verdict:
    """Whether pictures tell what anybody can see in them: kind of image, tone of skin."""
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    frame = evidence.data.frame
    found = {name: probe(rows, evidence.features("whole", rows.index), kind="features",
                         column=name)
             for name in VISIBLE if name in frame and len(rows := choose_rows(frame, name))}
    best = {name: told[0] for name, told in found.items() if told}
    if not best:
        return Verdict(section="not_applicable", fact=(
            f"There is no {' or '.join(VISIBLE)} with two values that have enough groups"))
    text = list_some(f"{name} ({told.class_name}: {told})" for name, told in best.items())
    blind = [name for name, told in best.items() if told.low <= 0.5 and told.high < 0.5 + LARGE]
    if not blind:
        return Verdict(section="passed", value=min(told.auroc for told in best.values()),
                       fact=f"Pictures tell what can be seen in them: {text}")
    return Verdict(
        section="issue", value=min(best[name].auroc for name in blind),
        count=int(frame[blind].notna().any(axis=1).sum()), fact=(
            f"Pictures do not tell {list_some(blind)}, which anybody would see: {text}"))


CHECKS = (
    Check(code="LL105", title="Copies with one label", function=_find_conflicts,
          why="One of the two labels is wrong, or labels were attached to the wrong images.",
          remedy="look at the listed images, correct the label or leave both out, and check that "
                 "labels were joined by id",
          how="The target is compared within each pair of LL103 and LL104.",
          causes=("LL304", "LL306", "LL307")),
    Check(code="LL304", title="Labels and the order of ids", function=_find_order,
          why="Ids follow the order in which images were collected or written; where the label "
              "does too, it may have been attached by position, or each class comes from a "
              "place of its own.",
          remedy="check that labels were joined by id, and whether each class comes from another "
                 "collection",
          how="AUROC of the rank of isic_id, numbers in it read as numbers, for each class "
              "against the rest."),
    Check(code="LL306", title="Pictures and labels", function=_find_blind_labels,
          why="Every picture tells something of its label, if only through colour and size; "
              "where it does not, labels stand with the wrong pictures, and no model can learn.",
          remedy="check that labels were joined to images by id and not by position, on a few "
                 "images by eye",
          causes=("LL304", "LL307"),
          how="Frozen features of each training picture, their main components and a logistic "
              "regression, scored on groups that it did not see (five folds). An issue where the "
              "interval of the best class holds 0.5 and is narrow enough to say so."),
    Check(code="LL307", title="Pictures and what is seen in them", function=_find_blind_metadata,
          why="Rows of metadata that stand with the wrong pictures give a model wrong inputs and, "
              "mostly, wrong labels too.",
          remedy="check that metadata were joined to images by id, on a few images by eye",
          how="As LL306, for image_type and fitzpatrick_skin_type in the place of the label, "
              "where two of their values have enough groups."),
)
