"""What the audit finds in the real images, where they lie beside the repository."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looking import look

from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.sources.reading import TableColumns


@pytest.fixture(scope="module")
def by_image(ham10000: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """A fifth of HAM10000's lesions, split at random by image, as others do."""
    folder = tmp_path_factory.mktemp("by_image")
    rows = pd.read_csv(ham10000 / "HAM10000_metadata.csv", dtype=str)
    rows = rows[rows["lesion_id"].isin(rows["lesion_id"].drop_duplicates().iloc[::5])]
    rng = np.random.default_rng(0)
    rows["fold"] = rng.choice(["train", "valid", "test"], len(rows), p=[0.7, 0.1, 0.2])
    rows.to_csv(folder / "table.csv", index=False)
    columns = TableColumns(id="image_id", label="dx", images=ham10000)
    settings = PrepareSettings(target="label", split_column="fold", is_split_given=True)
    return prepare([folder / "table.csv"], folder / "data", settings=settings, columns=columns)


@pytest.mark.slow
def test_lesions_on_two_sides_of_a_split_by_image_are_counted_exactly(by_image: PreparedData):
    frame = by_image.frame
    lesions: dict[str, set[str]] = {}
    for lesion, role in zip(frame["lesion_id"], frame["role"], strict=True):
        lesions.setdefault(lesion, set()).add(role)
    torn = {lesion for lesion, roles in lesions.items() if len(roles) > 1}
    finding = look("LL102", by_image)
    assert (finding.section, finding.value) == ("issue", len(torn))
    assert len(torn) > 100
    assert set(finding.isic_ids) == set(frame.index[frame["lesion_id"].isin(torn)])


@pytest.mark.slow
def test_age_0_of_the_published_table_is_found(by_image: PreparedData, ham10000: Path):
    published = pd.read_csv(ham10000 / "HAM10000_metadata.csv").set_index("image_id")["age"]
    zero = set(published.index[published == 0]) & set(by_image.cohort.ids)
    finding = look("LL502", by_image)
    assert (finding.section, set(finding.isic_ids)) == ("tip", zero)
    assert "age_approx outside 1 to 85" in finding.explanation


@pytest.mark.slow
def test_the_confounding_of_class_and_source_is_found(ham10000: Path, tmp_path: Path):
    data = prepare([ham10000], tmp_path / "data", settings=PrepareSettings(target="isic2018"))
    finding = look("LL303", data)
    assert finding.section == "issue"
    assert "AKIEC images come from rosendahl" in finding.explanation
    assert "diagnosis_confirm_type" in look("LL301", data).explanation
    assert look("LL106", data).section == "tip"
