"""Licences of images: one name for the spellings of each, and what they mean for a model."""

from __future__ import annotations

import re
from collections.abc import Mapping

LICENCES = ("CC-0", "CC-BY", "CC-BY-SA", "CC-BY-ND", "CC-BY-NC", "CC-BY-NC-SA", "CC-BY-NC-ND")
"""The licences of Creative Commons, by the names that the ISIC Archive has for them."""

UNKNOWN = "unknown"
"""What stands in counts for images of which nothing is stated."""

_SHORT = {"attribution": "by", "noncommercial": "nc", "sharealike": "sa", "noderivatives": "nd",
          "noderivs": "nd"}
_WITHOUT_MEANING = re.compile(
    r"https?|(www\.)?creativecommons\.org|publicdomain|legalcode|deed(\.\w+)?|cc|creative|commons|"
    r"licen[sc]es?|international|unported|generic|universal|v?[1-4](\.\d)?")


def normalise_licence(text: str) -> str:
    """The name in `LICENCES`, whatever spelling or version; any other text as it is.

    >>> [normalise_licence(text) for text in ("CC0 1.0", "cc by 4.0", "CC_BY-NC", "our own")]
    ['CC-0', 'CC-BY', 'CC-BY-NC', 'our own']
    """
    joined = re.sub(r"\b(non|no|share)[\s_-]+(?=commercial|deriv|alike)", r"\1", text.lower())
    joined = re.sub(r"\b(cc|publicdomain)[\W_]*(0|zero)\b", "cc0", joined)
    words = [str(word) for word in re.findall(r"[a-z0-9.]+", joined)
             if not _WITHOUT_MEANING.fullmatch(word)]
    if words == ["cc0"]:
        return "CC-0"
    name = "-".join(["cc", *(_SHORT.get(word, word) for word in words)]).upper()
    return name if name in LICENCES[1:] else text.strip()


def is_non_commercial(text: str) -> bool:
    """Whether a licence forbids commercial use.

    >>> is_non_commercial("CC BY-NC 4.0"), is_non_commercial("CC-BY")
    (True, False)
    """
    return re.search(r"\bNC\b|non-?commercial", normalise_licence(text), re.I) is not None


def explain_licences(counts: Mapping[str, int]) -> str:
    """What a user of a model must know of the images that it was made of; empty for nothing.

    Args:
        counts: images by licence, `UNKNOWN` among them.
    """
    total = sum(counts.values())
    restricted = sum(count for name, count in counts.items() if is_non_commercial(name))
    parts = []
    if restricted:
        parts.append(f"{restricted:,} of {total:,} images are licensed for non-commercial use "
                     "only; so is a model trained on them.")
    if unknown := counts.get(UNKNOWN, 0):
        parts.append(f"The licence of {unknown:,} of {total:,} images is not known; ask for it "
                     "before you pass on a model trained on them.")
    return " ".join(parts)
