"""Every challenge and research set: recognised, read whole, in our words."""

from __future__ import annotations

import csv
import random
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from challenge_samples import SAMPLES, slice3d_files
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionlab.core.errors import SourceError
from lesionlab.core.settings import refuse_feature
from lesionlab.core.terms import COLUMNS, OTHER_NAMES
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.sources import challenge_terms
from lesionlab.sources.hierarchy import PATHS, find_place
from lesionlab.sources.layouts import LAYOUTS
from lesionlab.sources.reading import SourceRead, read_sources
from lesionlab.sources.wording import decode_one_hot
from lesionlab.targets import MALIGNANCY, assign_target

FEW_GROUPS = PrepareSettings(split="34/33/33")


def read_sample(layout: str, folder: Path) -> SourceRead:
    return read_sources([SAMPLES[layout].write(folder / "set")])


def test_every_sample_is_of_a_layout():
    assert SAMPLES.keys() <= LAYOUTS.keys()


@pytest.mark.parametrize("layout", SAMPLES)
def test_a_set_has_its_page(layout: str):
    pages = Path(__file__).parents[2] / "docs/reference/layouts"
    page = (pages / f"{layout}.md").read_text(encoding="utf-8")
    assert f"[`{layout}`]({layout}.md)" in (pages / "README.md").read_text(encoding="utf-8")
    for part in ("**Source**", "**Licence**", "**Grouping key**", "**Recognised by**",
                 "## Known traps"):
        assert part in page


@pytest.mark.parametrize("layout", SAMPLES)
def test_a_set_is_recognised_and_no_row_or_value_is_lost_unsaid(layout: str, tmp_path: Path):
    sample, read = SAMPLES[layout], read_sample(layout, tmp_path)
    (info,) = read.sources
    assert info.layout == layout
    assert info.num_rows == len(read.cohort) + len(read.dropped)
    assert dict(zip(read.dropped["isic_id"], read.dropped["reason"], strict=True)) == sample.dropped
    assert Counter(zip(read.adjusted["column"], read.adjusted["reason"], strict=True)
                   ) == sample.adjusted
    assert info.licences == sample.licences
    assert len(read.unlisted) == sample.unlisted
    assert read.cohort.ids.is_unique


@pytest.mark.parametrize("layout", SAMPLES)
def test_a_set_is_no_other_layout(layout: str, tmp_path: Path):
    folder = SAMPLES[layout].write(tmp_path / "set")
    found = [name for name, known in LAYOUTS.items() if known.find(folder, None)]
    # An export of the Archive is told by its id alone, so its kind comes after these.
    assert found[0] == layout
    assert set(found[1:]) <= {"isic-client"}


@pytest.mark.parametrize("layout", SAMPLES)
def test_malignancy_is_known_of_every_set(layout: str, tmp_path: Path):
    classes, _ = assign_target(MALIGNANCY, read_sample(layout, tmp_path).cohort)
    assert {name: None if pd.isna(text) else text for name, text in classes.items()
            } == SAMPLES[layout].malignancy


@pytest.mark.parametrize("layout", SAMPLES)
def test_each_image_has_its_own_address(layout: str, tmp_path: Path):
    read = read_sample(layout, tmp_path)
    assert set(read.addresses) == set(read.cohort.ids)
    assert len({address.read() for address in read.addresses.values()}) == len(read.cohort)
    assert read.cohort.frame["locator"].is_unique


@pytest.mark.parametrize("layout", SAMPLES)
def test_licence_and_attribution_stand_with_every_image(layout: str, tmp_path: Path):
    frame = read_sample(layout, tmp_path).cohort.frame
    assert frame[["copyright_license", "attribution"]].notna().all().all()


@pytest.mark.parametrize("layout", SAMPLES)
def test_no_column_but_a_known_input_may_become_a_feature(layout: str, tmp_path: Path):
    frame = read_sample(layout, tmp_path).cohort.frame
    inputs = {name for name in frame if not refuse_feature(str(name))}
    assert {COLUMNS[str(name)].role for name in inputs} <= {"input"}


@pytest.mark.parametrize("layout", SAMPLES)
def test_a_set_is_prepared_and_its_groups_are_whole(layout: str, tmp_path: Path):
    sample = SAMPLES[layout]
    data = prepare([sample.write(tmp_path / "set")], tmp_path / "data", settings=FEW_GROUPS,
                   num_workers=1)
    groups = data.split.frame.groupby("group_id")
    together = sorted(tuple(sorted(rows.index)) for _, rows in groups if len(rows) > 1)
    with_class = [sorted(name for name in group if sample.malignancy[name] is not None)
                  for group in sample.groups]
    assert together == sorted(tuple(group) for group in with_class if len(group) > 1)
    assert len(data.cohort) == sum(name is not None for name in sample.malignancy.values())
    assert data.manifest["counts"]["rejected_images"] == {}
    assert sum(data.manifest["licences"].values()) == len(data.cohort)


def test_slice3d_is_the_same_from_hdf5_and_from_files(tmp_path: Path):
    frames = [read_sources([path]).cohort.frame.drop(columns="locator") for path in (
        SAMPLES["slice3d"].write(tmp_path / "one/set"), slice3d_files(tmp_path / "two/set"))]
    pd.testing.assert_frame_equal(*frames)


def test_all_sets_join_into_one_cohort(tmp_path: Path):
    paths = [sample.write(tmp_path / name) for name, sample in SAMPLES.items()]
    read = read_sources(paths)
    assert len(read.cohort) == sum(len(sample.malignancy) for sample in SAMPLES.values())
    assert [info.layout for info in read.sources] == [*SAMPLES]


@pytest.mark.parametrize("name", [
    "iddx_full", "iddx_1", "iddx_5", "mel_mitotic_index", "mel_thick_mm", "diagnosis_1", "label",
    "benign_malignant", "diagnosis_confirm_type", "biopsed", "invasion_thickness_interval",
    "diagnosis_full", "histology", "management", "malignant", "disease", "nine_partition_label",
    "tbp_lv_dnn_lesion_confidence", "MONET_skin_markings_pen_ink_purple_pen", "official_split"])
def test_what_gives_the_label_or_the_source_away_is_refused(name: str):
    assert refuse_feature(name) in {
        "it is the diagnosis itself", "it is known only because of the diagnosis",
        "it tells where the image comes from, not what it shows"}


@pytest.mark.parametrize("name", [
    "tbp_lv_A", "tbp_lv_Hext", "tbp_lv_nevi_confidence", "tbp_lv_location_simple", "tbp_lv_z",
    "MONET_erythema", "skin_tone_class", "skin_tone", "pad_itch", "pad_background_father"])
def test_measurements_and_what_the_patient_says_are_inputs(name: str):
    assert refuse_feature(name) == ""


def test_every_word_for_a_diagnosis_has_its_place():
    tables = [value for name, value in vars(challenge_terms).items()
              if name in ("ISIC2017", "ISIC2019", "MILK10K", "PAD_UFES_20", "DERM7PT",
                          "FITZPATRICK17K", "DDI")]
    words = [word for table in tables for word in table.values()]
    words += [word for _, word in challenge_terms.PH2.values()]
    assert len(tables) == 7
    assert [word for word in words if find_place(word) not in PATHS] == []
    assert not OTHER_NAMES.keys() & COLUMNS.keys()


@given(st.lists(st.lists(st.sampled_from(["0", "1", "0.0", "1.0", "0.5", "", "x", "nan", "1e400"]),
                         min_size=3, max_size=3), max_size=6))
def test_a_row_has_a_class_or_a_reason_and_never_both(cells):
    table = pd.DataFrame(cells, columns=["A", "B", "C"], dtype=str)
    table["id"] = [f"I{number}" for number in range(len(cells))]
    classes, dropped = decode_one_hot(table, "id", ("A", "B", "C"))
    assert set(table.index[classes == ""]) == set(dropped.index)
    assert dropped.index.is_unique
    for place, row in enumerate(cells):
        if classes[place]:
            assert [float(cell) for cell in row].count(1) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def scramble(table: Path, layout: str, draw: st.DataObject) -> None:
    """Give `table` other cells, its own, shuffled, or any text, and perhaps a column less."""
    lines = table.read_text(encoding="utf-8").splitlines()
    if layout == "ph2":
        rows = draw.draw(st.lists(st.lists(TEXT, min_size=1, max_size=11), max_size=3))
        text = [lines[0], *("|| " + " | ".join(row) for row in rows)]
        table.write_text("\n".join(text), encoding="utf-8")
        return
    grid = list(csv.reader(lines))
    header = [] if layout == "isic2016" else [grid.pop(0)]
    known = sorted({cell for row in grid for cell in row})
    pick = random.Random(draw.draw(st.integers(0, 10**6)))
    odd = draw.draw(st.lists(TEXT, min_size=1, max_size=4))
    rows = [[pick.choice((cell, cell, pick.choice(known), pick.choice(odd))) for cell in row]
            for row in grid]
    less = draw.draw(st.integers(-3, len(rows[0]) - 1))
    if less >= 0:
        header, rows = ([row[:less] + row[less + 1:] for row in part] for part in (header, rows))
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*header, *rows])


@pytest.mark.parametrize("layout", SAMPLES)
@settings(max_examples=12)
@given(draw=st.data())
def test_any_cells_under_the_known_header_end_in_data_or_a_source_error(
    layout: str, samples: Path, draw: st.DataObject
):
    with TemporaryDirectory() as place:
        folder = Path(place) / "set"
        shutil.copytree(samples / layout, folder)
        tables = sorted(file for file in folder.rglob("*")
                        if file.suffix.lower() in (".csv", ".txt"))
        scramble(draw.draw(st.sampled_from(tables)), layout, draw)
        try:
            read = read_sources([folder])
        except SourceError:
            return
        assert sum(info.num_rows for info in read.sources) == len(read.cohort) + len(read.dropped)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every sample, in a folder of its layout's name; do not change it."""
    home = tmp_path_factory.mktemp("samples")
    for layout, sample in SAMPLES.items():
        sample.write(home / layout)
    return home
