"""audit(): a prepared folder in, findings out, as a list, as JSON and as a page."""

from __future__ import annotations

from pathlib import Path

from lesionlab.auditing import page
from lesionlab.auditing.registry import CHECKS
from lesionlab.core import artifacts
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.dataset.prepared import PreparedData

SCHEMA_VERSION = 1


def audit(folder: Path) -> list[Finding]:
    """Run every check on a prepared folder and write `audit.json` and `audit.html` into it.

    The two files are no part of the folder's digests; the same data gives the same bytes.

    Returns:
        A finding per check: issues, tips, passed, not applicable, each in the order of codes.

    Raises:
        StoreError: the folder is missing, damaged, or of another version.
        SplitError: a patient, a lesion or a group stands in more than one role.
    """
    data = PreparedData.load(folder)
    findings = run_checks(data)
    artifacts.write_json(folder / "audit.json", {
        "schema_version": SCHEMA_VERSION,
        "findings": [finding.to_dict() for finding in findings]})
    artifacts.write_text(folder / "audit.html", page.render(data, findings))
    return findings


def run_checks(data: PreparedData) -> list[Finding]:
    """A finding per check: issues, tips, passed, not applicable, each in the order of codes."""
    findings = [check.run(data) for check in CHECKS.values()]
    return sorted(findings, key=lambda finding: SECTIONS.index(finding.section))
