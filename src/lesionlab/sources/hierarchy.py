"""Where a diagnosis stands in ISIC's hierarchy."""

from __future__ import annotations

from isic_metadata.diagnosis_hierarchical import DiagnosisEnum

PATHS = frozenset(member.value for member in DiagnosisEnum)
"""Every place of the hierarchy, `Benign:Benign melanocytic proliferations:Nevus`."""

_BY_LAST_LEVEL = {path.rpartition(":")[2].lower(): path for path in PATHS}


def find_place(text: str) -> str:
    """The place of a diagnosis that is a path or the last level of one.

    Finer levels than the hierarchy has are cut; what it does not know at all stays as it is.

    >>> find_place("nevus, clark").rpartition(":")[2], find_place("Benign:Cysts:Unheard of")
    ('Nevus, Clark', 'Benign:Cysts')
    """
    levels = text.split(":")
    whole = (":".join(levels[:depth]) for depth in range(len(levels), 0, -1))
    known = next((path for path in whole if path in PATHS), text)
    return _BY_LAST_LEVEL.get(text.lower(), known)
