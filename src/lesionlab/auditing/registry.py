"""All checks by code."""

from __future__ import annotations

from lesionlab.auditing import (
    alignment,
    altered_copies,
    appearances,
    composition,
    content,
    drift,
    labels,
    leakage,
    pictures,
    shortcuts,
    spellings,
    strangers,
    surroundings,
    tables,
    units,
)
from lesionlab.auditing.checks import Check

_MODULES = (leakage, altered_copies, alignment, content, pictures, strangers, shortcuts,
            appearances, surroundings, composition, drift, tables, units, spellings, labels)
_CHECKS = [check for module in _MODULES for check in module.CHECKS]

CHECKS: dict[str, Check] = {check.code: check
                            for check in sorted(_CHECKS, key=lambda check: check.code)}
"""Every check by its code, in the order of codes."""

assert len(CHECKS) == len(_CHECKS), "two checks have one code"
