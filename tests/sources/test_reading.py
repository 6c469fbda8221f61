"""Every layout, joined and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from challenge_samples import SAMPLES

from lesionlab.core.errors import SourceError
from lesionlab.sources.layouts import LAYOUTS
from lesionlab.sources.reading import TableColumns, read_sources
from lesionlab.targets import ISIC2018, MALIGNANCY, assign_target

COLUMNS = TableColumns(id="img", label="finding", patient="who", lesion="spot")
HAM_HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset"


def write(folder: Path, **files: str) -> Path:
    """Write text files; `__` stands for a slash and an image's text is its bytes."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def images(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"picture {path.stem}".encode())


def isic_client(folder: Path) -> Path:
    images(folder, "images/A.jpg", "images/B.JPEG")
    return write(folder, metadata_DOT_csv="isic_id,attribution,copyright_license,diagnosis\n"
                 "A,Clinic,CC-BY,nevus\nB,Clinic,CC-0,melanoma\n", attribution_DOT_txt="Clinic")


def ham10000(folder: Path) -> Path:
    images(folder, "HAM10000_images_part_1/A.jpg", "HAM10000_images_part_2/B.jpg")
    return write(folder, HAM10000_metadata_DOT_csv=f"{HAM_HEADER}\n"
                 "L1,A,nv,follow_up,45,male,back,rosendahl\n"
                 "L2,B,mel,histo,0,unknown,hand,vidir_modern\n")


def table(folder: Path) -> Path:
    images(folder, "photos/A.png", "photos/deep/B.tif")
    return write(folder, notes_DOT_csv="img;finding;who;spot;sex;code\n"
                 "A.png;benign mole;P1;S1;male;007\nB;odd one;P2;S2;;011\n")


def class_folders(folder: Path) -> Path:
    images(folder, "mole/A.jpg", "melanoma/B.jpg")
    return folder


MAKERS: dict[str, tuple[Callable[[Path], Path], TableColumns | None]] = {
    "isic-client": (isic_client, None), "ham10000": (ham10000, None),
    "table": (table, COLUMNS), "class-folders": (class_folders, None)}


def test_every_layout_is_in_the_suite():
    # DICOM's names are pseudonyms, so that it has a suite of its own: test_dicom_source.py.
    assert MAKERS.keys() | SAMPLES.keys() | {"dicom"} == LAYOUTS.keys()


@pytest.mark.parametrize("layout", MAKERS)
def test_a_layout_is_recognised_and_read_whole(layout: str, tmp_path: Path):
    make, columns = MAKERS[layout]
    read = read_sources([make(tmp_path / "clinic")], columns=columns)
    assert read.cohort.ids.tolist() == ["A", "B"]
    assert [info.layout for info in read.sources] == [layout]
    assert [info.name for info in read.sources] == ["clinic"]
    assert [info.num_rows for info in read.sources] == [2]
    assert [sum(info.licences.values()) for info in read.sources] == [2]
    assert read.dropped.empty and read.unlisted.empty
    paths = {name: address.path for name, address in read.addresses.items()}
    assert all(path.is_absolute() and path.is_file() and path.stem == name
               for name, path in paths.items())
    assert set(paths) == {"A", "B"}
    for name, locator in read.cohort.frame["locator"].items():
        assert locator.startswith("clinic/") and str(paths[name]).endswith(locator[6:])


@pytest.mark.parametrize("layout", MAKERS)
def test_reading_twice_gives_the_same_digest_wherever_it_lies(layout: str, tmp_path: Path):
    make, columns = MAKERS[layout]
    digests = {read_sources([make(tmp_path / place / "clinic")], columns=columns).cohort.digest
               for place in ("here", "there")}
    assert len(digests) == 1


# In the layout left out every image is a row.
@pytest.mark.parametrize("layout", [name for name in MAKERS if name != "class-folders"])
def test_image_files_without_a_row_are_counted(layout: str, tmp_path: Path):
    make, columns = MAKERS[layout]
    folder = make(tmp_path / "clinic")
    images(folder, "more/C.jpg", ".hidden/D.jpg", "more/._E.jpg")
    read = read_sources([folder], columns=columns)
    assert read.unlisted.to_dict("records") == [
        {"isic_id": "C", "source": "clinic", "reason": "no_row", "detail": "clinic/more/C.jpg"}]


def test_all_layouts_join_into_one_cohort(tmp_path: Path):
    paths = []
    for number, (make, columns) in enumerate(MAKERS.values()):
        if columns is None:
            folder = make(tmp_path / f"clinic{number}")
            for path in [*folder.rglob("?.*")]:
                path.rename(path.with_stem(f"{path.stem}{number}"))
            for file in folder.glob("*.csv"):
                rows = file.read_text()
                file.write_text(rows.replace("A,", f"A{number},").replace("B,", f"B{number},"))
            paths.append(folder)
    read = read_sources(paths)
    assert read.cohort.ids.tolist() == ["A0", "A1", "A3", "B0", "B1", "B3"]
    assert read.cohort.frame["source"].to_dict() == {
        "A0": "Clinic", "B0": "Clinic", "A1": "rosendahl", "B1": "vidir_modern",
        "A3": "clinic3", "B3": "clinic3"}
    assert read.cohort.frame["label"].dropna().to_dict() == {"A3": "mole", "B3": "melanoma"}


def test_the_isic_client_reads_a_table_by_its_path(tmp_path: Path):
    folder = isic_client(tmp_path / "clinic")
    assert (read_sources([folder / "metadata.csv"]).cohort.digest
            == read_sources([folder]).cohort.digest)


def test_ham10000_alone_is_mapped_as_far_as_it_is_certain(tmp_path: Path):
    folder = ham10000(tmp_path / "ham")
    images(folder, "HAM10000_images_part_2/C.jpg")
    with (folder / "HAM10000_metadata.csv").open("a") as file:
        file.write("L3,C,akiec,consensus,60,female,acral,rosendahl\n")
    read = read_sources([folder])
    frame = read.cohort.frame
    assert frame.loc["A", ["diagnosis_1", "diagnosis_3", "anatom_site_2", "source"]].tolist() == [
        "Benign", "Nevus", "Posterior trunk", "rosendahl"]
    assert frame["diagnosis_confirm_type"].tolist() == [
        "serial imaging showing no change", "histopathology", "single image expert consensus"]
    assert pd.isna(frame.loc["B", "age_approx"]) and pd.isna(frame.loc["B", "sex"])
    assert read.adjusted.to_dict("records") == [
        {"isic_id": "B", "column": "age_approx", "value": "0", "reason": "zero_means_unknown"}]
    malignancy, reasons = assign_target(MALIGNANCY, read.cohort)
    assert malignancy.dropna().to_dict() == {"A": "Benign", "B": "Malignant"}
    assert reasons == {"no diagnosis": 1}
    assert assign_target(ISIC2018, read.cohort)[0].to_dict() == {
        "A": "NV", "B": "MEL", "C": "AKIEC"}


def test_beside_an_isic_table_ham10000_gives_only_source_and_dx(tmp_path: Path):
    folder = ham10000(tmp_path / "ham")
    images(folder, "HAM10000_images_part_1/C.jpg")
    write(folder, metadata_DOT_csv="isic_id,age_approx,lesion_id,diagnosis_1\n"
          "A,50,IL_1,Benign\nC,60,IL_3,Malignant\n")
    with (folder / "HAM10000_metadata.csv").open("a") as file:
        file.write("L3,C,nv,histo,60,female,back,rosendahl\n")
    read = read_sources([folder])
    row = read.cohort.frame.loc["A"]
    assert row[["age_approx", "lesion_id", "source", "dx"]].tolist() == [
        50.0, "IL_1", "rosendahl", "nv"]
    assert read.sources[0].num_rows == 3
    assert sorted(read.dropped.itertuples(index=False, name=None)) == [
        ("B", "ham", "not_in_isic_table", "only HAM10000's table has it"),
        ("C", "ham", "conflicting_diagnosis", "nv in one table, Malignant in the other")]
    assert read.unlisted.empty


def test_a_named_table_keeps_own_columns_and_their_types(tmp_path: Path):
    folder = table(tmp_path / "clinic")
    write(folder, notes_DOT_csv="img,finding,who,spot,code,depth,wet,place\n"
          "A.png,mole,P1,S1,007,1.5,true,x\nB,odd,P2,S2,011,2,False,y\n")
    read = read_sources([folder / "notes.csv"], columns=COLUMNS)
    frame = read.cohort.frame
    assert read.own_columns == ("code", "depth", "wet", "place")
    assert frame["code"].tolist() == ["007", "011"]
    assert frame["depth"].tolist() == [1.5, 2.0]
    assert frame["wet"].tolist() == [True, False]
    assert frame[["label", "patient_id", "lesion_id"]].loc["A"].tolist() == ["mole", "P1", "S1"]


def test_a_file_column_names_the_image_and_parquet_is_read(tmp_path: Path):
    images(tmp_path, "photos/1/view.jpg", "photos/2/view.jpg")
    pq.write_table(pa.table({"key": [1, 2], "kind": ["a", None],
                             "path": ["./photos/1/view.jpg", "photos\\2\\view.jpg"]}),
                   tmp_path / "rows.parquet")
    read = read_sources([tmp_path / "rows.parquet"],
                        columns=TableColumns(id="key", label="kind", file="path"))
    folders = {name: address.path.parent.name for name, address in read.addresses.items()}
    assert folders == {"1": "1", "2": "2"}
    assert read.cohort.frame["label"].isna().tolist() == [False, True]


def test_faulty_rows_are_dropped_each_with_its_reason(tmp_path: Path):
    images(tmp_path, "A.jpg", "B.jpg", "C.jpg", "E.jpg")
    write(tmp_path, metadata_DOT_csv="isic_id,sex,diagnosis\nA,male,nevus\n,male,nevus\n"
          "B,male,nevus\nB,female,nevus\nA,male,nevus\nC,male,gout\nD,male,nevus\n")
    read = read_sources([tmp_path])
    assert sorted(read.dropped.drop(columns="source").itertuples(index=False, name=None)) == [
        ("", "no_id", "row 2"), ("A", "repeated_row", "row 5"), ("B", "repeated_id", "row 3"),
        ("B", "repeated_id", "row 4"), ("C", "invalid_diagnosis", "gout"),
        ("D", "no_image_file", "no image file of that name")]
    assert read.sources[0].num_rows == len(read.cohort) + len(read.dropped) == 7
    assert read.unlisted["isic_id"].tolist() == ["E"]


def test_the_same_image_in_two_sources_is_kept_once(tmp_path: Path):
    first, second = isic_client(tmp_path / "one"), isic_client(tmp_path / "two")
    read = read_sources([first, second])
    assert read.cohort.frame["locator"].tolist() == ["one/images/A.jpg", "one/images/B.JPEG"]
    assert read.dropped.to_dict("records") == [
        {"isic_id": name, "source": "two", "reason": "same_image_in_two_sources",
         "detail": f"kept as one/images/{file}"}
        for name, file in (("A", "A.jpg"), ("B", "B.JPEG"))]
    assert [info.licences for info in read.sources] == [{"CC-0": 1, "CC-BY": 1}, {}]


def test_the_same_image_with_contradicting_labels_is_dropped_from_both(tmp_path: Path):
    first, second = isic_client(tmp_path / "one"), isic_client(tmp_path / "two")
    write(second, metadata_DOT_csv="isic_id,diagnosis\nA,melanoma\nB,Malignant\n")
    read = read_sources([first, second])
    assert read.cohort.ids.tolist() == ["B"]
    assert sorted(read.dropped.itertuples(index=False, name=None)) == [
        ("A", "one", "conflicting_diagnosis",
         "the labels differ in one/images/A.jpg and two/images/A.jpg"),
        ("A", "two", "conflicting_diagnosis",
         "the labels differ in one/images/A.jpg and two/images/A.jpg"),
        ("B", "two", "same_image_in_two_sources", "kept as one/images/B.JPEG")]


def test_folders_of_one_name_get_different_source_names(tmp_path: Path):
    first, second = isic_client(tmp_path / "1/isic"), class_folders(tmp_path / "2/isic")
    assert [info.name for info in read_sources([first, second]).sources] == ["isic", "isic_2"]


def test_a_link_that_leads_back_is_followed_once(tmp_path: Path):
    folder = isic_client(tmp_path / "clinic")
    (folder / "images" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(read_sources([folder]).cohort) == 2


def raise_text(*paths: Path, columns: TableColumns | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        read_sources(paths, columns=columns)
    return str(caught.value)


def test_error_no_source():
    assert raise_text() == "no source was given; name a folder or a table"


def test_error_nothing_there(tmp_path: Path):
    assert raise_text(tmp_path / "x") == f"{tmp_path}/x: there is no such file or folder"


def test_error_given_twice(tmp_path: Path):
    folder = isic_client(tmp_path)
    assert raise_text(folder, folder / ".") == (
        f"given more than once: {folder}; name each source once")


def test_error_no_layout_says_what_was_looked_for_and_found(tmp_path: Path):
    images(tmp_path, "train/A.jpg", "test/B.jpg")
    write(tmp_path, list_DOT_csv="name,kind\nA,x\n")
    text = (f"{tmp_path}: no layout that lesionlab knows; looked for:\n"
            "  - DICOM files, with or without a table of labels\n"
            "  - a table with the columns that you name (id, label, ...)\n"
            "  - HAM10000's table (columns 'image_id' and 'dx')\n"
            "  - SLICE-3D's table (columns 'isic_id', 'patient_id', 'tbp_lv_...')\n"
            "  - MILK10k's table (columns 'isic_id', 'lesion_id', 'skin_tone_class')\n"
            "  - the ISIC client's metadata.csv (column 'isic_id')\n"
            "  - ISIC 2016's table (no header; an id, benign or malignant)\n"
            "  - ISIC 2017's table (columns 'image_id', 'melanoma', 'seborrheic_keratosis')\n"
            "  - ISIC 2018's table (columns 'image', 'MEL', 'AKIEC', ...)\n"
            "  - ISIC 2019's table (columns 'image', 'MEL', 'AK', 'SCC', ...)\n"
            "  - ISIC 2020's table (columns 'image_name', 'patient_id', 'target')\n"
            "  - PAD-UFES-20's table (columns 'img_id', 'diagnostic')\n"
            "  - Fitzpatrick17k's table (columns 'md5hash', 'fitzpatrick_scale')\n"
            "  - DDI's table (columns 'DDI_ID', 'DDI_file', 'skin_tone')\n"
            "  - PH2's text table (columns between bars)\n"
            "  - Derm7pt's table (columns 'case_num', 'derm', 'clinic')\n"
            "  - two or more folders named by their class, images in them\n"
            "found: list.csv (columns name, kind); 2 image files; folders test, train")
    assert raise_text(tmp_path) == text
    assert raise_text(tmp_path, columns=TableColumns(id="nome", label="kind")) == (
        text + "; columns named: nome, kind")


def test_error_a_file_that_is_no_table(tmp_path: Path):
    images(tmp_path, "A.jpg")
    assert raise_text(tmp_path / "A.jpg").splitlines()[-1] == (
        "found: a file that is no table (.csv, .tsv, .tab, .txt, .parquet)")


def test_error_several_files_of_an_id(tmp_path: Path):
    images(isic_client(tmp_path), "masks/A.png")
    assert raise_text(tmp_path) == (
        f"{tmp_path}: 1 ids have more than one image file; keep one of each:\n"
        "  - A: images/A.jpg, masks/A.png")


def test_error_a_stem_in_two_class_folders(tmp_path: Path):
    images(class_folders(tmp_path), "mole/B.jpg")
    assert raise_text(tmp_path) == (
        f"{tmp_path}: 1 ids have more than one image file; keep one of each:\n"
        "  - B: melanoma/B.jpg, mole/B.jpg")


def test_error_an_id_of_two_images(tmp_path: Path):
    first, second = isic_client(tmp_path / "one"), isic_client(tmp_path / "two")
    (second / "images/A.jpg").write_bytes(b"another")
    assert raise_text(first, second) == (
        "1 ids stand for different images in two sources; rename one of each:\n"
        "  - A: one/images/A.jpg and two/images/A.jpg")


def test_error_several_tables(tmp_path: Path):
    write(tmp_path, a_DOT_csv="isic_id\nA\n", b_DOT_tsv="isic_id\tsex\nA\tmale\n")
    assert raise_text(tmp_path) == (
        f"{tmp_path}: 2 tables could be meant: a.csv, b.tsv; name one of them")


def test_error_a_column_that_stands_twice(tmp_path: Path):
    write(tmp_path, metadata_DOT_csv="isic_id,sex,sex\nA,male,male\n")
    assert raise_text(tmp_path) == (
        f"{tmp_path}/metadata.csv: the column 'sex' stands there more than once; "
        "rename or remove the others")


def test_error_a_row_of_another_length(tmp_path: Path):
    write(tmp_path, metadata_DOT_csv="isic_id,sex\nA,male\nB,male,7\n")
    assert raise_text(tmp_path) == (
        f"{tmp_path}/metadata.csv: cannot be read as a table: CSV parse error: "
        "Expected 2 columns, got 3: B,male,7; correct it, or save it anew as CSV in UTF-8")


def test_error_a_table_without_rows(tmp_path: Path):
    write(tmp_path, metadata_DOT_csv="isic_id,sex\n")
    assert raise_text(tmp_path) == f"{tmp_path}/metadata.csv: the table has no row"


def test_error_text_of_another_encoding(tmp_path: Path):
    (tmp_path / "metadata.csv").write_bytes("isic_id,note\nA,für\n".encode("latin-1"))
    assert raise_text(tmp_path) == (
        f"{tmp_path}/metadata.csv: cannot be read as a table: In CSV column #1: "
        "CSV conversion error to string: invalid UTF8 data; correct it, or save it anew as CSV "
        "in UTF-8")


def test_error_no_row_left(tmp_path: Path):
    write(tmp_path, metadata_DOT_csv="isic_id,diagnosis\nA,nevus\nB,gout\nC,nevus\n")
    assert raise_text(tmp_path) == (
        f"{tmp_path}: no row is left; dropped: 1 invalid_diagnosis, 2 no_image_file")


def test_a_byte_order_mark_and_quoted_commas_are_read(tmp_path: Path):
    images(tmp_path, "A.jpg")
    (tmp_path / "metadata.csv").write_bytes(
        '\ufeffisic_id , diagnosis_1,note\r\nA,"Benign","one, two"\r\n'.encode())
    frame = read_sources([tmp_path]).cohort.frame
    assert frame.loc["A", ["diagnosis_1", "note"]].tolist() == ["Benign", "one, two"]
