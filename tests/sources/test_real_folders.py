"""The two real folders arrive as their own notes count them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lesionlab.sources.reading import SourceRead, read_sources
from lesionlab.targets import TARGETS, assign_target

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real images are not at {DATA}")


@pytest.fixture(scope="module")
def ham10000() -> SourceRead:
    return read_sources([DATA / "ham10000"])


@pytest.fixture(scope="module")
def acral() -> SourceRead:
    return read_sources([DATA / "acral"])


def count_classes(read: SourceRead, target: str) -> tuple[dict[str, int], dict[str, int]]:
    classes, reasons = assign_target(TARGETS[target], read.cohort)
    return classes.value_counts().to_dict(), reasons


def test_no_row_of_ham10000_is_dropped_or_changed(ham10000: SourceRead):
    assert len(ham10000.cohort) == len(ham10000.addresses) == 10015
    assert ham10000.dropped.empty and ham10000.adjusted.empty and ham10000.unlisted.empty
    assert ham10000.own_columns == ()
    (info,) = ham10000.sources
    assert (info.layout, info.num_rows, info.licences) == (
        "ham10000", 10015, {"CC-BY-NC": 10015})


def test_ham10000_has_its_lesions_and_collections(ham10000: SourceRead):
    frame = ham10000.cohort.frame
    per_lesion = frame["lesion_id"].value_counts()
    assert len(per_lesion) == 7470
    assert per_lesion[per_lesion > 1].sum() == 4501
    assert "patient_id" not in frame
    assert frame["source"].value_counts().to_dict() == {
        "vidir_molemax": 3954, "vidir_modern": 3363, "rosendahl": 2259, "vienna_dias": 439}
    assert frame[frame["dx"] == "akiec"]["source"].value_counts()["rosendahl"] == 295
    assert frame["age_approx"].min() > 0


def test_ham10000_has_its_classes(ham10000: SourceRead):
    assert count_classes(ham10000, "malignancy") == (
        {"Benign": 8061, "Malignant": 1824}, {"Indeterminate": 130})
    assert count_classes(ham10000, "malignant_subtype") == (
        {"Benign": 8061, "melanoma": 1113, "basal cell carcinoma": 514,
         "squamous cell carcinoma": 197}, {"Indeterminate": 130})
    assert count_classes(ham10000, "isic2018") == (
        {"NV": 6705, "MEL": 1113, "BKL": 1099, "BCC": 514, "AKIEC": 327, "VASC": 142, "DF": 115},
        {})
    assert count_classes(ham10000, "isic2019") == (
        {"NV": 6705, "MEL": 1113, "BKL": 1099, "BCC": 514, "SCC": 197, "VASC": 142, "AK": 130,
         "DF": 115}, {})


def test_the_class_of_every_ham10000_image_is_its_dx(ham10000: SourceRead):
    classes, _ = assign_target(TARGETS["isic2018"], ham10000.cohort)
    assert (classes == ham10000.cohort.frame["dx"].str.upper()).all()


def test_ham10000s_own_table_alone_gives_the_same_but_for_akiec(ham10000: SourceRead):
    alone = read_sources([DATA / "ham10000" / "HAM10000_metadata.csv"])
    assert count_classes(alone, "isic2018") == count_classes(ham10000, "isic2018")
    assert count_classes(alone, "malignancy") == (
        {"Benign": 8061, "Malignant": 1627}, {"no diagnosis": 327})
    assert alone.adjusted.groupby(["column", "reason"]).size().to_dict() == {
        ("age_approx", "zero_means_unknown"): 39}
    assert alone.dropped.empty
    assert alone.cohort.frame["lesion_id"].nunique() == 7470
    # Where the Archive knows a value, the two tables agree on it.
    both, archive = alone.cohort.frame, ham10000.cohort.frame
    names = [name for name in archive if name.startswith(("diagnosis", "anatom")) or
             name == "image_type"]
    known = archive[names].notna() & both[names].notna()
    assert ((archive[names] == both[names]) | ~known).all().all()


def test_ham10000_is_read_in_seconds():
    began = time.perf_counter()
    read_sources([DATA / "ham10000"])
    assert time.perf_counter() - began < 10


def test_no_row_of_acral_is_dropped_or_changed(acral: SourceRead):
    assert len(acral.cohort) == 1019
    assert acral.dropped.empty and acral.adjusted.empty and acral.unlisted.empty
    assert acral.sources[0].licences == {"CC-0": 13, "CC-BY": 1006}


def test_acral_has_its_patients_and_image_types(acral: SourceRead):
    frame = acral.cohort.frame
    assert frame["patient_id"].nunique() == 409
    assert frame["source"].nunique() == 5
    assert frame["image_type"].str.startswith("clinical").sum() == 11
    assert round(100 * frame["age_approx"].notna().mean()) == 12
    assert round(100 * frame["sex"].notna().mean()) == 12
    assert round(100 * frame["clin_size_long_diam_mm"].notna().mean()) == 2
    assert frame["anatom_site_special"].value_counts().to_dict() == {
        "acral NOS": 896, "acral palms or soles": 123}
    assert count_classes(acral, "malignancy") == ({"Benign": 870, "Malignant": 149}, {})


def test_both_folders_join(ham10000: SourceRead, acral: SourceRead):
    both = read_sources([DATA / "acral", DATA / "ham10000"])
    assert len(both.cohort) + len(both.dropped) == 11034
    assert both.dropped.empty
    assert [info.name for info in both.sources] == ["acral", "ham10000"]
