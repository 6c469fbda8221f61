"""Writes the generated pages of docs/reference; `make docs` runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lesionlab.core.terms import (
    COLUMNS,
    OTHER_NAMES,
    REASONS,
    STUDY_INPUTS,
    WIDE_INPUTS,
    Column,
    Role,
)
from lesionlab.phantoms.faults import FAULTS

REFERENCE = Path(__file__).parent / "reference"
ROLE_TITLES: dict[Role, str] = {
    "input": "Inputs", "label": "Labels", "consequence": "Consequences of the label",
    "provenance": "Provenance", "identifier": "Identifiers"}


def describe_commands() -> str:
    """The page of all commands, as their own help has it."""
    done = subprocess.run(
        [sys.executable, "-m", "typer", "lesionlab.cli.main", "utils", "docs",
         "--name", "lesionlab"],
        check=True, capture_output=True, text=True)
    return done.stdout.rstrip() + "\n"


def describe_columns() -> str:
    """The page of the table of columns."""
    parts = [
        "# Columns",
        ("The vocabulary of a cohort, generated from `lesionlab.core.terms`. Names are ISIC's; a "
         "source that calls a column by an older name is renamed while it is read. Unknown is a "
         "missing value, never 0 or a word. The role decides what a column may be used for: only "
         "an input can become a feature. A column of your own keeps its name and cannot become "
         "one, but can be the target."),
        *(_describe_role(role, title) for role, title in ROLE_TITLES.items()),
        "## Other names that cannot become features",
        _table(("column", "because"),
               [(f"`{name}`", REASONS[role]) for name, role in OTHER_NAMES.items()]),
        "## Sets of inputs",
        _table(("set", "columns"), [("of the study", _code(STUDY_INPUTS)),
                                    ("wide", _code(WIDE_INPUTS))])]
    return "\n\n".join(parts) + "\n"


def describe_faults() -> str:
    """The page of the faults that a phantom can have."""
    rows = [(f"`{fault.name}`", fault.plants, fault.strength, ", ".join(fault.codes))
            for fault in FAULTS.values()]
    parts = [
        "# Faults",
        ("What `lesionlab phantom OUT --fault NAME --strength X` can plant, generated from "
         "`lesionlab.phantoms.faults`. One fault at a time, in a cohort that is otherwise clean: "
         "every image that the fault does not touch has the same bytes as without it, at the "
         "same seed."),
        ("`--strength` is above 0 and up to 1, which is the default; what it measures is in the "
         "table. `phantom.json` says under `planted` what was done: `fault`, `strength`, "
         "`isic_ids` of the images at fault (none where a whole column is), and `copies`, each "
         "with `isic_id`, `copy_of` and `variant`. Scores and diagnoses under `images` remain "
         "the true ones."),
        ("The codes are those of the [findings](../findings.md); the first names the cause, the "
         "others may show too."),
        ("Faults of a split write a column `split` (train, valid, test: 70, 10 and 20 % of the "
         "patients) and spoil it. `--with-split` writes the same column unspoilt, "
         "`--with-sources` names two institutions in `attribution` that have half of the "
         "patients each: both to see what is found where nothing is wrong."),
        "## List",
        _table(("fault", "what is wrong", "strength", "found by"), rows)]
    return "\n\n".join(parts) + "\n"


def _describe_role(role: Role, title: str) -> str:
    rows = [(f"`{column.name}`", column.kind, column.meaning, _range(column))
            for column in COLUMNS.values() if column.role == role]
    why = f"Cannot become features: {REASONS[role]}." if REASONS[role] else "Can become features."
    table = _table(("column", "kind", "meaning", "values"), rows)
    return f"## {title}\n\n{why}\n\n{table}"


def _range(column: Column) -> str:
    """The values that a column may have, as far as they are bounded here."""
    if column.terms:
        return ", ".join(column.terms)
    if column.low is not None and column.high is not None:
        return f"{column.low:g} to {column.high:g}"
    return f"{column.low:g} or more" if column.low is not None else ""


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": describe_commands, "columns.md": describe_columns, "faults.md": describe_faults}
"""What writes each page of docs/reference."""

if __name__ == "__main__":
    for name, describe in PAGES.items():
        (REFERENCE / name).write_text(describe(), encoding="utf-8")
