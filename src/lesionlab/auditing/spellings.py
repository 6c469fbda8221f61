"""Words that the standard does not know, and words spelt in two ways."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from lesionlab.auditing.checks import Check, Verdict
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.tables import list_own_columns
from lesionlab.core.cohort import list_some
from lesionlab.dataset.prepared import PreparedData
from lesionlab.sources.schema import KNOWN

REFUSALS = ("enum", "literal_error", "bool_parsing", "ambiguous_term")
"""Reasons of adjusted values that are words outside the vocabulary."""
FREE = ("target", "label", "source", "attribution", "image_manipulation", "official_split")
"""Columns of the vocabulary that hold any words."""
MOST_WORDS = 200
"""Different words above which a column is no vocabulary."""
LEAST_LETTERS = 6
"""Letters of a word under which one other letter makes another word."""
RARE = 0.1
"""How often a slip of the pen stands there at most, for each right one."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """Two words of a column that mean one thing, by their spelling."""

    column: str
    common: str
    rare: str

    def __str__(self) -> str:
        return f"{self.rare!r} beside {self.common!r} in {self.column}"


def find_twins(words: pd.Series) -> list[Twins]:
    """Pairs of words that differ in case, spaces and marks, or by a slip of the pen.

    A slip is one letter more, less or other, or two exchanged, in a long word without digits and
    after its first letter, that is rare beside the right one.

    Args:
        words: (N,) text, missing where unknown; a column of very many words has none.
    """
    counts = words.value_counts()
    if len(counts) > MOST_WORDS:
        return []
    by_key = defaultdict(list)
    for word in counts.index:
        by_key[_reduce(word)].append(word)
    alike = [(first, other) for first, *others in by_key.values() for other in others]
    keys = {key: counts[group].sum() for key, group in by_key.items() if _is_long_word(key)}
    for one, other in combinations(sorted(keys, key=lambda key: -keys[key]), 2):
        if keys[other] <= RARE * keys[one] and _is_slip(one, other):
            alike.append((by_key[one][0], by_key[other][0]))
    return [Twins(column=str(words.name), common=first, rare=other) for first, other in alike]


def _reduce(word: str) -> str:
    """A word without case, outer spaces and, where no digit needs them apart, inner marks."""
    plain = word.strip().casefold()
    return plain if re.search(r"\d", plain) else re.sub(r"[\W_]+", "", plain) or plain


def _is_long_word(key: str) -> bool:
    return len(key) >= LEAST_LETTERS and key.isalpha()


def _is_slip(one: str, other: str) -> bool:
    if one[0] != other[0] or abs(len(one) - len(other)) > 1:
        return False
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                 min(len(one), len(other)))
    rests = one[start:], other[start:]
    return (rests[0][1:] == rests[1][1:] or rests[0][1:] == rests[1] or rests[0] == rests[1][1:]
            or (rests[0][:2] == rests[1][:2][::-1] and rests[0][2:] == rests[1][2:]))


def _find_odd_words(evidence: Evidence) -> Verdict:
    data = evidence.data
    refused = _list_refused(data)
    twins = [pair for column in _list_words(data) for pair in find_twins(column)]
    misnamed = [f"{own} for {known}" for own, known in _list_misnamed(data)]
    facts = []
    if len(refused):
        counts = (refused["column"] + " " + refused["value"].map(repr)).value_counts()
        named = list_some(f"{name} ({number:,})" for name, number in counts.items())
        facts.append(f"words that the standard does not know were set to missing: {named}")
    if twins:
        facts.append(f"words are spelt in two ways: {list_some(twins)}")
    if misnamed:
        facts.append("columns are kept as your own for the spelling of their name: "
                     f"{list_some(misnamed)}")
    if not facts:
        return Verdict(section="passed", value=0, fact=(
            "All words are those of the standard, and spelt in one way each"))
    is_label = any(pair.column in ("target", "label") for pair in twins)
    fact = "; ".join(facts)
    return Verdict(section="issue" if is_label else "tip", fact=fact[0].upper() + fact[1:],
                   isic_ids=_list_ids(data, refused, twins),
                   value=len(refused) + len(twins) + len(misnamed))


def _list_refused(data: PreparedData) -> pd.DataFrame:
    """`isic_id`, `column`, `value` of the words that became missing."""
    rows = pd.DataFrame(data.manifest["adjusted"], columns=["isic_id", "column", "value", "reason"])
    return rows[rows["reason"].isin(REFUSALS)].astype({"value": str})


def _list_words(data: PreparedData) -> Iterator[pd.Series]:
    """Columns of words that no closed list holds."""
    for name in [*(name for name in FREE if name in data.frame), *list_own_columns(data)]:
        column = data.frame[name]
        if pd.api.types.is_string_dtype(column.dropna()):
            yield column


def _list_misnamed(data: PreparedData) -> Iterator[tuple[str, str]]:
    """Columns of the user's own, each with the known name that it has but for case and marks."""
    known = {_name_key(name): name for name in sorted(KNOWN)}
    for name in list_own_columns(data):
        meant = known.get(_name_key(name))
        if meant is not None and meant not in data.frame:
            yield name, meant


def _name_key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _list_ids(data: PreparedData, refused: pd.DataFrame, twins: list[Twins]) -> list[str]:
    ids = set(refused["isic_id"].dropna()) & set(data.cohort.ids)
    for pair in twins:
        ids |= set(data.frame.index[data.frame[pair.column] == pair.rare])
    return sorted(ids)


CHECKS = (
    Check(code="LL505", title="Vocabulary", function=_find_odd_words,
          why="A word that is not understood is lost, and a word spelt in two ways becomes two "
              "kinds; of a label, two classes.",
          remedy="correct the words and names in your table",
          how="By the words that the ISIC schema refused; by words of one column that differ "
              "only in case, spaces and marks, or, for a rare one beside a frequent one, in a "
              "letter; and by names that differ so from those of lesionlab's vocabulary."),
)
