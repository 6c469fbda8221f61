"""The audit as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lesionlab.auditing.checks import say_count, say_share
from lesionlab.auditing.registry import CHECKS
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.core.split import ROLES
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.pages.templating import open_templates

MOST_IDS = 24
"""Ids of a finding that the page names; audit.json has all."""
SECTION_LABELS = {"issue": "Issue", "tip": "Note", "passed": "Passed",
                  "not_applicable": "Not applicable"}
HEADINGS = {"issue": "Issues", "tip": "Notes", "passed": "Passed",
            "not_applicable": "Not applicable"}
LEADS = {
    "issue": "Settle these before any number from this data is used.",
    "tip": "Nothing is wrong by itself; know these when you read the numbers.",
    "passed": "Looked for and not found.",
    "not_applicable": "Could not be looked for in this data.",
}
ROLE_LABELS = {"train": "training", "valid": "validation", "test": "test"}


def render(data: PreparedData, findings: Sequence[Finding]) -> str:
    """The HTML text of the page; the same data and findings give the same text."""
    environment = open_templates("lesionlab.auditing")
    environment.filters |= {"whole": "{:,}".format, "percent": say_share, "count": say_count}
    return environment.get_template("audit.html.j2").render(_describe(data, findings))


def _describe(data: PreparedData, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything that the template shows."""
    sections = {name: [finding for finding in findings if finding.section == name]
                for name in SECTIONS}
    return {
        "notice": RESEARCH_USE, "name": data.folder.resolve().name, "target": data.target,
        "classes": data.classes, "num_images": len(data.cohort),
        "num_groups": data.frame["group_id"].nunique(), "num_checks": len(findings),
        "sections": [{"name": name, "heading": HEADINGS[name], "lead": LEADS[name],
                      "findings": [_describe_finding(finding) for finding in found]}
                     for name, found in sections.items()],
        "num_issues": len(sections["issue"]),
        "labels": SECTION_LABELS, "roles": [_describe_role(data, role) for role in ROLES],
        "facts": {
            "Target": data.target,
            "Kept together": data.split.group_key.replace("+", ", "),
            "Seed of the split": data.split.seed if data.split.seed is not None else "user's own",
            "Digest of the data": data.digest,
            "Software": f"lesionlab {data.manifest['lesionlab_version']}",
        },
    }


def _describe_finding(finding: Finding) -> dict[str, Any]:
    check = CHECKS.get(finding.code)
    return {"code": finding.code, "title": finding.title, "explanation": finding.explanation,
            "why": check.why if check else "", "count": finding.count,
            "isic_ids": finding.isic_ids[:MOST_IDS],
            "num_more": max(0, len(finding.isic_ids) - MOST_IDS)}


def _describe_role(data: PreparedData, role: str) -> dict[str, Any]:
    rows = data.frame[data.frame["role"] == role]
    counts = rows["target"].value_counts()
    return {"label": ROLE_LABELS[role], "num_images": len(rows),
            "num_groups": rows["group_id"].nunique(),
            "classes": [{"count": int(counts.get(name, 0)),
                         "share": counts.get(name, 0) / len(rows) if len(rows) else 0.0}
                        for name in data.classes]}
