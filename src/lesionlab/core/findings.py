"""Finding: one thing that a check has to say, under a stable code."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Section = Literal["issue", "tip", "passed", "not_applicable"]
SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    code: str
    """Stable, `LL` and three digits; each has a section in docs/findings.md."""
    title: str
    """What was looked at, a few words."""
    section: Section
    explanation: str
    """One sentence with the figure in it, and what to do where something is wrong."""
    count: int = 0
    """How many images are concerned."""
    isic_ids: tuple[str, ...] = ()
    """Their ids, sorted."""
    value: float | None = None
    """The figure behind the explanation, where there is one."""
    pairs: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    """Ids of images that are to be seen side by side; on the page alone, in no file."""

    def __post_init__(self) -> None:
        is_code = self.code.startswith("LL") and self.code[2:].isdigit() and len(self.code) == 5
        assert is_code, f"not a finding code: {self.code}"
        assert self.section in SECTIONS, f"not a section: {self.section}"
        object.__setattr__(self, "isic_ids", tuple(sorted(self.isic_ids)))

    def to_dict(self) -> dict[str, Any]:
        """The finding as a JSON object of the keys of audit.json."""
        value = asdict(self) | {"isic_ids": list(self.isic_ids)}
        del value["pairs"]
        return value

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Finding:
        """Read what `to_dict` gave."""
        fields: dict[str, Any] = value | {"isic_ids": tuple(value["isic_ids"])}
        return cls(**fields)
