"""The lines that prepare prints say all that was left out, grouped and split."""

from pathlib import Path

from lesion_files import build, draw_lesion, encode, write_cohort

from lesionlab.dataset.description import describe


def test_clean_data_are_described_in_a_few_lines(tmp_path: Path) -> None:
    data = build(write_cohort(tmp_path / "clinic"), tmp_path / "data")
    assert describe(data) == [
        "30 rows read from clinic (isic-client)",
        "30 images in 30 groups (duplicates; copies: 0 exact, 0 near)",
        "  train      21 images      21 groups  Benign 14, Malignant 7",
        "  valid       3 images       3 groups  Benign 2, Malignant 1",
        "  test        6 images       6 groups  Benign 4, Malignant 2",
        "licences: unknown 30",
        ("The licence of 30 of 30 images is not known; ask for it before you pass on a model "
         "trained on them."),
    ]


def test_everything_left_out_or_changed_is_said(tmp_path: Path) -> None:
    source = write_cohort(
        tmp_path / "clinic", 40, {"ISIC_0000003": b"", "ISIC_0000001": encode(draw_lesion(0))},
        patient_id=[f"IP_{number:07d}" for number in range(40)], sex=["male", "purple"] * 20,
        copyright_license=["CC-BY", "CC-0"] * 20)
    table = source / "metadata.csv"
    text = table.read_text().replace("2,Benign", "2,Indeterminate")
    table.write_text(text + "ISIC_9999999,Benign,IP_9999999,male,CC-0\n")
    (source / "images" / "stranger.jpg").write_bytes(encode(draw_lesion(99)))
    lines = describe(build(source, tmp_path / "data"))
    assert lines[:7] == [
        "41 rows read from clinic (isic-client)",
        "rows dropped: no_image_file 1",
        "images without a class: Indeterminate 3",
        "image files rejected: empty 1",
        "values set to missing or mapped: literal_error 20",
        "image files without a row: 1",
        "36 images in 35 groups (patient_id+duplicates; copies: 1 exact, 0 near)",
    ]
    assert lines[7] == "pairs of copies that two patients share, put in one group: 1"
    assert lines[-1] == "licences: CC-0 19, CC-BY 17"
