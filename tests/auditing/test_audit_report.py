import json
import re
from pathlib import Path

import pytest

from factories import clean_frame, make_prepared
from lesionlab.auditing.registry import CHECKS
from lesionlab.auditing.report import audit, run_checks
from lesionlab.core.errors import StoreError
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.dataset.prepared import PreparedData


@pytest.mark.parametrize("seed", range(5))
def test_clean_data_has_neither_issue_nor_tip(tmp_path: Path, seed: int):
    findings = run_checks(make_prepared(tmp_path, clean_frame(seed=seed)))
    assert [finding for finding in findings if finding.section in ("issue", "tip")] == []
    assert {finding.code for finding in findings if finding.section == "not_applicable"} == {
        "LL105", "LL301"}


def test_every_check_has_an_answer_where_all_columns_are_absent(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(num_images=20)[["target", "role", "group_id"]])
    assert {finding.code for finding in run_checks(data)} == set(CHECKS)


def test_findings_are_ordered_by_section_and_code(tmp_path: Path):
    frame = clean_frame().assign(image_type="dermoscopic", mel_thick_mm=1.0)
    findings = run_checks(make_prepared(tmp_path, frame))
    keys = [(SECTIONS.index(finding.section), finding.code) for finding in findings]
    assert keys == sorted(keys)


def test_audit_writes_the_contract_and_leaves_the_digests_alone(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame().assign(mel_thick_mm=1.0))
    findings = audit(tmp_path)
    written = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert written.keys() == {"schema_version", "findings"}
    assert written["schema_version"] == 1
    assert [list(item) for item in written["findings"]] == [
        ["code", "title", "section", "explanation", "count", "isic_ids", "value"]] * len(CHECKS)
    assert [Finding.from_dict(item) for item in written["findings"]] == findings
    assert PreparedData.load(tmp_path).digest == data.digest


def test_a_second_audit_gives_the_same_bytes(tmp_path: Path):
    make_prepared(tmp_path, clean_frame())
    read = [(tmp_path / name).read_bytes() for _ in range(2) if audit(tmp_path)
            for name in ("audit.json", "audit.html")]
    assert read[:2] == read[2:]


def test_the_page_stands_alone_and_names_every_check(tmp_path: Path):
    make_prepared(tmp_path, clean_frame().assign(image_type="dermoscopic"))
    audit(tmp_path)
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert [code for code in CHECKS if f"<code>{code}</code>" not in page] == []
    assert "Research use only. Not a medical device" in page
    assert re.findall(r"https?://|<script|<link|@import|url\(", page) == []


def test_names_from_the_data_are_escaped(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = frame["target"].replace({"Benign": "<b>no</b>"})
    make_prepared(tmp_path, frame, classes=("<b>no</b>", "Malignant"))
    audit(tmp_path)
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "<b>no</b>" not in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page


def test_a_folder_that_was_not_prepared_is_refused(tmp_path: Path):
    with pytest.raises(StoreError) as caught:
        audit(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not a prepared folder: it has no manifest.json; make one with: "
        f"lesionlab prepare SOURCE --out {tmp_path}")
