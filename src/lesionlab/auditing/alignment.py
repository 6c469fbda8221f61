"""Whether labels belong to their images, as far as it shows without a model."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lesionlab.auditing.association import separate_classes
from lesionlab.auditing.checks import Check, Verdict, say_count
from lesionlab.auditing.leakage import differ_in, find_copies
from lesionlab.dataset.prepared import PreparedData

NOTABLE, LARGE = 0.1, 0.25
"""How far from 0.5 an AUROC interval must stay to be worth a tip, and an issue."""


def _find_conflicts(data: PreparedData) -> Verdict:
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
        isic_ids=np.unique(pd.concat(bad)), fact=(
            f"{say_count(len(bad[0]), 'exact pair')} and {say_count(len(bad[1]), 'near pair')} of "
            f"{total:,} pairs of copies have two different labels"))


def _find_order(data: PreparedData) -> Verdict:
    ids = data.frame.index
    keys = sorted(range(len(ids)), key=lambda row: _natural_key(str(ids[row])))
    ranks = pd.Series(np.argsort(keys), index=ids, name="order")
    found = separate_classes(data.frame, ranks.to_frame(), data.classes)
    if not found:
        return Verdict(section="not_applicable",
                       fact="No class has enough groups to be told from the order of the ids")
    first = found[0]
    section = ("issue" if first.distance >= LARGE else "tip" if first.distance >= NOTABLE
               else "passed")
    return Verdict(section=section, value=first.auroc, count=len(ids) * (section != "passed"),
                   fact=f"The order of the ids alone tells {first.class_name} from the rest with "
                        f"{first}")


def _natural_key(isic_id: str) -> list[tuple[int, str]]:
    """Sorts `img_9` before `img_10`, as most tools that number files mean it."""
    return [(int(part), "") if part.isdecimal() else (0, part)
            for part in re.split(r"(\d+)", isic_id)]


CHECKS = (
    Check(code="LL105", title="Copies with one label", function=_find_conflicts,
          why="One of the two labels is wrong, or labels were attached to the wrong images.",
          remedy="look at the listed images, correct the label or leave both out, and check that "
                 "labels were joined by id"),
    Check(code="LL304", title="Labels and the order of ids", function=_find_order,
          why="Ids follow the order in which images were collected or written; where the label "
              "does too, it may have been attached by position, or each class comes from a "
              "place of its own.",
          remedy="check that labels were joined by id, and whether each class comes from another "
                 "collection"),
)
