"""Images are taken by their licence; what is left out is counted, what is taken is named."""

from pathlib import Path

import pandas as pd
import pytest
from lesion_files import build, write_cohort

from lesionlab.core.errors import InputError
from lesionlab.dataset.building import PrepareSettings
from lesionlab.dataset.deriving import derive
from lesionlab.dataset.description import describe
from lesionlab.dataset.licensing import name_licences, select_licences
from lesionlab.dataset.prepared import PreparedData
from lesionlab.sources.reading import SourceRead, read_sources

LICENCES = ["CC-0", "CC BY 4.0", "CC-BY", "CC-BY-NC", None, "house rules"] * 10
OWNERS = ["Vienna", "Oslo", "Vienna", "Vienna", None, "Oslo"] * 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort") / "clinic", 60,
                        copyright_license=LICENCES, attribution=OWNERS,
                        age_approx=["", *["many"] * 59])


@pytest.fixture(scope="module")
def source(folder: Path) -> SourceRead:
    return read_sources([folder])


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return build(folder, tmp_path_factory.mktemp("data") / "open", licences=("CC0", "cc by"))


def refuse(source: SourceRead, *licences: str) -> str:
    with pytest.raises(InputError) as caught:
        select_licences(source, licences)
    return str(caught.value)


def test_only_images_of_the_licences_asked_for_are_left(source: SourceRead) -> None:
    chosen = select_licences(source, ["CC-BY", "CC0 1.0"])
    stated = source.cohort.frame["copyright_license"]
    assert list(chosen.cohort.ids) == list(stated.index[stated.isin(LICENCES[:3])])
    assert list(chosen.addresses) == list(chosen.cohort.ids)
    assert set(chosen.adjusted["isic_id"]) < set(chosen.cohort.ids)
    assert [info.licences for info in chosen.sources] == [
        {"CC BY 4.0": 10, "CC-0": 10, "CC-BY": 10}]
    assert [info.num_rows for info in chosen.sources] == [60]


def test_the_others_are_dropped_with_their_licence(source: SourceRead) -> None:
    dropped = select_licences(source, ["CC-BY", "CC-0"]).dropped
    assert dropped.iloc[:3].to_dict("records") == [
        {"isic_id": "ISIC_0000003", "source": "clinic", "reason": "licence", "detail": "CC-BY-NC"},
        {"isic_id": "ISIC_0000004", "source": "clinic", "reason": "licence",
         "detail": "no licence is stated"},
        {"isic_id": "ISIC_0000005", "source": "clinic", "reason": "licence",
         "detail": "house rules"}]
    assert len(dropped) == 30
    assert dropped.dtypes.eq("str").all()


def test_a_licence_of_the_cohorts_own_may_be_asked_for(source: SourceRead) -> None:
    assert len(select_licences(source, ["house rules"]).cohort) == 10


def test_a_known_licence_that_no_image_has_may_stand_beside_one_that_some_have(
    source: SourceRead
) -> None:
    assert len(select_licences(source, ["CC-BY-NC-SA", "CC-0"]).cohort) == 10


HAS = ("this cohort has CC-BY (20), CC-0 (10), CC-BY-NC (10), house rules (10); of 10 images none "
       "is stated")


def test_an_unknown_licence_lists_those_that_are_there(source: SourceRead) -> None:
    assert refuse(source, "CC-0", "CC-BYE") == f"--licence CC-BYE: no such licence; {HAS}"


def test_a_licence_that_no_image_has_lists_those_that_are_there(source: SourceRead) -> None:
    assert refuse(source, "CC-BY-ND") == f"--licence CC-BY-ND: no image has it; {HAS}"


def test_a_cohort_without_licences_has_none_to_choose_from(tmp_path: Path) -> None:
    source = read_sources([write_cohort(tmp_path / "clinic")])
    assert refuse(source, "CC-0") == ("--licence CC-0: no image has it; this cohort has no "
                                      "licences; of 30 images none is stated")


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        name_licences(["CC-0", " "])
    assert str(caught.value) == (
        "--licence has an empty name; give one or more, such as CC-0,CC-BY")


def test_another_spelling_is_no_other_plan() -> None:
    assert PrepareSettings(licences=("CC BY 4.0", "CC0")) == PrepareSettings(
        licences=("CC-0", "CC-BY"))


def test_the_manifest_counts_who_must_be_named(data: PreparedData) -> None:
    assert data.licences == {"CC-0": 10, "CC BY 4.0": 10, "CC-BY": 10}
    assert data.attributions == data.manifest["attributions"] == {"Vienna": 20, "Oslo": 10}
    counts = data.manifest["counts"]
    assert counts["dropped_by_source"] == {"licence": 30}
    assert counts["num_images"] == counts["num_rows_read"] - 30
    assert len(data.manifest["dropped"]) == 30
    assert data.manifest["settings"]["licences"] == ["CC-0", "CC-BY"]
    assert describe(data)[1] == "rows dropped: licence 30"
    assert describe(data)[-1] == "licences: CC-0 10, CC BY 4.0 10, CC-BY 10"


def test_data_derived_from_others_count_their_own(data: PreparedData, tmp_path: Path) -> None:
    rows = data.frame[data.frame["attribution"] == "Oslo"]
    own = derive(data, tmp_path / "own", rows, target=(data.target, data.classes), note="Oslo")
    assert own.licences == {"CC BY 4.0": 10}
    assert own.attributions == {"Oslo": 10}


def test_a_manifest_of_before_names_nobody(data: PreparedData) -> None:
    manifest = {key: value for key, value in data.manifest.items() if key != "attributions"}
    old = PreparedData(folder=data.folder, manifest=manifest, cohort=data.cohort,
                       split=data.split, store=data.store)
    assert old.attributions == {}


def test_prepare_says_that_models_of_such_images_are_not_for_commerce(
    folder: Path, tmp_path: Path
) -> None:
    lines = describe(build(folder, tmp_path / "data"))
    assert lines[-1] == (
        "10 of 60 images are licensed for non-commercial use only; so is a model trained on them. "
        "The licence of 10 of 60 images is not known; ask for it before you pass on a model "
        "trained on them.")


def test_columns_that_no_row_fills_are_counted_as_unknown(tmp_path: Path) -> None:
    data = build(write_cohort(tmp_path / "clinic"), tmp_path / "data")
    assert (data.licences, data.attributions) == ({"unknown": 30}, {"unknown": 30})
    assert pd.isna(data.frame.get("attribution", pd.Series(dtype=str))).all()
