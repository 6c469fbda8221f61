"""Check and Verdict: data plus one function, and what that function says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lesionlab.auditing.evidence import Evidence
from lesionlab.core.findings import Finding, Section


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one look at the data gave, before the check puts its code and remedy to it."""

    section: Section
    fact: str
    """The sentence with the figure in it, without its full stop."""
    isic_ids: Iterable[str] = ()
    count: int | None = None
    """How many images are concerned, where they are not all listed in `isic_ids`."""
    value: float | None = None
    pairs: Iterable[tuple[str, str]] = ()
    """Images that the page is to show side by side."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to look for."""

    code: str
    """Stable, `LL` and three digits; has a section in docs/findings.md."""
    title: str
    function: Callable[[Evidence], Verdict]
    why: str
    """What goes wrong where it is found, a sentence."""
    remedy: str
    """What to do where it is found, the end of a sentence."""
    causes: tuple[str, ...] = ()
    """Codes of checks that, where they find something, explain what this one finds."""
    how: str = ""
    """How it is looked for, a sentence or two; the page shows it."""

    def run(self, evidence: Evidence) -> Finding:
        """The finding of this check; issues and tips end in what to do."""
        verdict = self.function(evidence)
        ids = tuple(str(isic_id) for isic_id in verdict.isic_ids)
        is_open = verdict.section in ("issue", "tip")
        return Finding(
            code=self.code, title=self.title, section=verdict.section,
            explanation=f"{verdict.fact}; {self.remedy}." if is_open else f"{verdict.fact}.",
            count=len(ids) if verdict.count is None else verdict.count, isic_ids=ids,
            value=None if verdict.value is None else float(verdict.value),
            pairs=tuple((str(first), str(second)) for first, second in verdict.pairs))


def say_count(count: int, noun: str) -> str:
    """A count and its noun, in the singular where it is one.

    >>> say_count(1, "image"), say_count(1204, "image")
    ('1 image', '1,204 images')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def say_share(share: float) -> str:
    """A share in percent.

    >>> say_share(0.62)
    '62.0 %'
    """
    return f"{100 * share:.1f} %"
