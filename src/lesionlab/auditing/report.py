"""audit(): a prepared folder in, findings out, as a list, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from lesionlab.auditing import page
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.exploration import explore
from lesionlab.auditing.registry import CHECKS
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.sources.reading import TableColumns
from lesionlab.training.embedding import default_cache

SCHEMA_VERSION = 1


def audit(
    folder: Path, *, cache: Path | None = None, skip: Mapping[str, str] | None = None
) -> list[Finding]:
    """Run every check on a prepared folder; write `audit.json`, `audit.html` and `eda.json` there.

    The files are no part of the folder's digests; the same data gives the same bytes.

    Args:
        folder: what `prepare` wrote.
        cache: where measures and features of pictures are kept; by default the user's own.
        skip: why a check is not made, by its code; the report says so.

    Returns:
        A finding per check, ordered as of `run_checks`.

    Raises:
        InputError: `skip` names a check that there is not, or gives no reason.
        StoreError: the folder is missing, damaged, or of another version.
    """
    skipped = _check_skips(skip or {})
    data = PreparedData.load(folder, may_leak=True)
    evidence = Evidence(data=data, cache=cache or default_cache())
    findings = run_checks(evidence, skipped)
    exploration = explore(data.frame, data.classes, evidence.files, evidence.measures)
    artifacts.write_json(folder / "audit.json", {
        "schema_version": SCHEMA_VERSION,
        "findings": [finding.to_dict() for finding in findings],
        "skipped": [{"code": code, "reason": reason} for code, reason in skipped.items()]})
    artifacts.write_json(folder / "eda.json", exploration.to_dict())
    artifacts.write_text(folder / "audit.html",
                         page.render(data, findings, skipped, exploration))
    return findings


def _check_skips(skip: Mapping[str, str]) -> dict[str, str]:
    """The reasons by code, in the order of codes."""
    unknown = sorted(set(skip) - set(CHECKS))
    if unknown:
        raise InputError(f"there is no check {', '.join(unknown)} to skip; the codes are "
                         f"{', '.join(CHECKS)}")
    unexplained = sorted(code for code, reason in skip.items() if not reason.strip())
    if unexplained:
        raise InputError(f"no reason is given to skip {', '.join(unexplained)}; say why: "
                         f"--skip {unexplained[0]} --reason \"...\"")
    return {code: skip[code].strip() for code in sorted(skip)}


def audit_table(
    images: Path, table: Path, columns: TableColumns, out: Path, *,
    split_column: str | None = None, cache: Path | None = None,
    skip: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Audit images and a table of a project that does not use lesionlab, split and all.

    The split is taken as it is, leaks too. What is read is kept in the new folder `out`, where
    the report is written; nothing can be trained on it.

    Args:
        images: folder of the image files.
        table: CSV, TSV or Parquet, a row per image.
        columns: what its columns are called; `id` and `label` are needed.
        out: to make; a finished one of the same input is used again.
        split_column: column with the role of each image; without one no leak can be seen.
        cache: as in `audit`.
        skip: as in `audit`.

    Raises:
        InputError: `columns` names no label, or `skip` is refused by `audit`.
        SourceError: the table cannot be read, or has no such column.
        SplitError: the column holds other words than roles.
        CohortError: no image could be read.
        StoreError: `out` exists and was made from something else.
    """
    if columns.label is None:
        raise InputError("an audit needs the column of the label; name it: --label COLUMN")
    _check_skips(skip or {})
    prepare([table], out, columns=replace(columns, images=images.resolve()),
            settings=PrepareSettings(target="label", split_column=split_column,
                                     is_split_given=True))
    return audit(out, cache=cache, skip=skip)


def run_checks(evidence: Evidence, skip: Collection[str] = ()) -> list[Finding]:
    """A finding per check but those of the codes in `skip`: issues, tips, passed, not applicable.

    Each section is in the order of codes, but for findings that another one explains: they
    name it and come after the rest.
    """
    findings = [check.run(evidence) for code, check in CHECKS.items() if code not in skip]
    opened = {finding.code: finding for finding in findings
              if finding.section in ("issue", "tip")}
    causes = {code: [cause for cause in CHECKS[code].causes
                     if cause in opened and _may_explain(opened[cause], finding)]
              for code, finding in opened.items()}
    named = [_name_causes(finding, causes.get(finding.code, [])) for finding in findings]
    return sorted(named, key=lambda finding: (
        SECTIONS.index(finding.section), bool(causes.get(finding.code)), finding.code))


def _may_explain(cause: Finding, finding: Finding) -> bool:
    """Whether both are about images in common, or one is about a whole column."""
    ids = set(cause.isic_ids), set(finding.isic_ids)
    return not all(ids) or not ids[0].isdisjoint(ids[1])


def _name_causes(finding: Finding, causes: list[str]) -> Finding:
    if not causes:
        return finding
    return replace(finding, explanation=(
        f"{finding.explanation} Look at {' and '.join(causes)} first, which may be the cause."))
