import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from factories import clean_frame, make_prepared
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.auditing.report import audit, run_checks
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.findings import SECTIONS, Finding
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.measures import measure_picture


@pytest.fixture(autouse=True, scope="module")
def no_features() -> Iterator[None]:
    """No backbone is loaded; what needs one has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evidence, "why_no_features", "No features in these tests")
        yield


@pytest.fixture(scope="module")
def usual_measures(prepared: PreparedData) -> pd.DataFrame:
    """What is measured on phantoms without a fault."""
    return pd.DataFrame([measure_picture(prepared.store.decode(isic_id))
                         for isic_id in prepared.cohort.ids[:40]])


def gather(data: PreparedData, measures: pd.DataFrame) -> Evidence:
    """Evidence whose pictures are as usual, whatever the store holds."""
    evidence = Evidence(data=data, cache=data.folder / "cache")
    drawn = np.random.default_rng(0).integers(0, len(measures), len(data.cohort))
    evidence.__dict__["measures"] = measures.iloc[drawn].set_axis(data.cohort.ids)
    return evidence


@pytest.mark.parametrize("seed", range(5))
def test_clean_data_has_neither_issue_nor_tip(
    tmp_path: Path, seed: int, usual_measures: pd.DataFrame
):
    data = make_prepared(tmp_path, clean_frame(seed=seed))
    findings = run_checks(gather(data, usual_measures))
    assert [finding for finding in findings if finding.section in ("issue", "tip")] == []
    assert {"LL105", "LL301"} <= {finding.code for finding in findings
                                  if finding.section == "not_applicable"}


def test_every_check_has_an_answer_where_all_columns_are_absent(
    tmp_path: Path, usual_measures: pd.DataFrame
):
    data = make_prepared(tmp_path, clean_frame(num_images=20)[["target", "role", "group_id"]])
    assert {finding.code for finding in run_checks(gather(data, usual_measures))} == set(CHECKS)


def test_findings_are_ordered_by_section_and_code(tmp_path: Path, usual_measures: pd.DataFrame):
    frame = clean_frame().assign(image_type="dermoscopic", mel_thick_mm=1.0)
    findings = run_checks(gather(make_prepared(tmp_path, frame), usual_measures))
    keys = [(SECTIONS.index(finding.section), finding.code) for finding in findings]
    assert keys == sorted(keys)


def test_of_two_issues_the_one_that_names_the_cause_comes_first(
    tmp_path: Path, usual_measures: pd.DataFrame
):
    frame = clean_frame()
    frame.loc[frame["target"] == "Malignant", ["source", "file_bytes"]] = "Sydney", 90_000.0
    data = make_prepared(tmp_path, frame)
    issues = [finding for finding in run_checks(gather(data, usual_measures))
              if finding.section == "issue"]
    assert [finding.code for finding in issues] == ["LL303", "LL305", "LL314"]
    assert " first, which may be the cause" not in issues[0].explanation
    assert issues[1].explanation.endswith(" Look at LL303 first, which may be the cause.")
    assert issues[2].explanation.endswith(
        " Look at LL303 and LL305 first, which may be the cause.")


def test_no_check_is_its_own_cause():
    orderly: set[str] = set()
    while ready := {code for code, check in CHECKS.items()
                    if code not in orderly and orderly.issuperset(check.causes)}:
        orderly |= ready
    assert orderly == set(CHECKS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared folder with something to note."""
    make_prepared(tmp_path / "data", clean_frame(60).assign(mel_thick_mm=1.0))
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def audited(
    no_features: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PreparedData, list[Finding]]:
    """Such a folder as it was, and what its audit found."""
    place = tmp_path_factory.mktemp("audited")
    data = make_prepared(place / "data", clean_frame(60).assign(mel_thick_mm=1.0))
    return data, audit(place / "data", cache=place / "cache")


def test_audit_writes_the_contract_and_leaves_the_digests_alone(
    audited: tuple[PreparedData, list[Finding]]
):
    data, findings = audited
    written = json.loads((data.folder / "audit.json").read_text(encoding="utf-8"))
    assert written.keys() == {"schema_version", "findings", "skipped"}
    assert (written["schema_version"], written["skipped"]) == (1, [])
    assert [list(item) for item in written["findings"]] == [
        ["code", "title", "section", "explanation", "count", "isic_ids", "value"]] * len(CHECKS)
    assert [Finding.from_dict(item) for item in written["findings"]] == findings
    assert PreparedData.load(data.folder).digest == data.digest


def test_the_numbers_of_the_exploration_are_written(audited: tuple[PreparedData, list[Finding]]):
    written = json.loads((audited[0].folder / "eda.json").read_text(encoding="utf-8"))
    assert (written["schema_version"], written["num_images"]) == (1, 60)
    assert {"age_approx", "role", "source", "ita", "gaps", "correlation"} <= {
        figure["name"] for figure in written["figures"]}


def test_the_page_stands_alone_and_names_every_check(audited: tuple[PreparedData, list[Finding]]):
    page = (audited[0].folder / "audit.html").read_text(encoding="utf-8")
    assert [code for code in CHECKS if f"<code>{code}</code>" not in page] == []
    assert "Research use only. Not a medical device" in page
    assert re.findall(r"https?://|<script|<link|@import|url\((?!#)", page) == []


def test_a_second_audit_gives_the_same_bytes(folder: Path, cache: Path):
    names = ("audit.json", "audit.html", "eda.json")
    read = [[(folder / name).read_bytes() for name in names]
            for _ in range(2) if audit(folder, cache=cache)]
    assert read[0] == read[1]


def test_a_skipped_check_is_not_made_and_its_reason_is_kept(folder: Path, cache: Path):
    findings = audit(folder, cache=cache, skip={"LL301": " known to the authors ", "LL106": "one"})
    assert {finding.code for finding in findings} == set(CHECKS) - {"LL301", "LL106"}
    written = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert written["skipped"] == [{"code": "LL106", "reason": "one"},
                                  {"code": "LL301", "reason": "known to the authors"}]
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert "known to the authors" in page
    assert "2 checks skipped" in page


def test_a_check_that_there_is_not_cannot_be_skipped(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        audit(tmp_path, skip={"LL999": "x", "LL301": "y", "leak": "z"})
    assert str(caught.value) == (
        f"there is no check LL999, leak to skip; the codes are {', '.join(CHECKS)}")


def test_a_check_is_not_skipped_without_a_reason(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        audit(tmp_path, skip={"LL301": " ", "LL106": "one"})
    assert str(caught.value) == (
        'no reason is given to skip LL301; say why: --skip LL301 --reason "..."')


def test_pairs_are_for_the_page_and_in_no_file(folder: Path, cache: Path):
    data = PreparedData.load(folder)
    first, second = data.cohort.ids[[0, 59]]
    frame = data.frame.assign(target=["Benign", *["Malignant"] * 59])
    make_prepared(folder, frame, duplicates=[
        {"isic_id": second, "copy_of": first, "kind": "near", "of_two_patients": True}])
    found = {finding.code: finding for finding in audit(folder, cache=cache)}
    assert found["LL105"].pairs == ((second, first),)
    assert '"pairs"' not in (folder / "audit.json").read_text(encoding="utf-8")
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert '<ul class="gallery pairs"' in page


def test_a_folder_that_was_not_prepared_is_refused(tmp_path: Path):
    with pytest.raises(StoreError) as caught:
        audit(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not a prepared folder: it has no manifest.json; make one with: "
        f"lesionlab prepare SOURCE --out {tmp_path}")
