"""A small sample of every layout as files in memory, to be damaged and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pandas as pd
from challenge_samples import SAMPLES, slice3d_files, write_images, write_table

from dicom_files import ROOT, draw_frame, make_file, save
from lesionlab.sources.raw_source import TableColumns

Content = bytes | Literal["folder", "nothing"]
"""What is where a file was."""

IDS = [f"ISIC_901000{number}" for number in range(5)]
COLUMNS = TableColumns(id="img", label="finding", file="path", patient="who", lesion="spot")
"""Of the sample `table`."""
KEY = "k" * 64
"""Of pseudonyms."""


def isic_client(folder: Path) -> Path:
    """Every kind of column that the schema knows."""
    write_table(folder / "metadata.csv",
                "isic_id,attribution,copyright_license,acquisition_day,age_approx,"
                "anatom_site_general,anatom_site_special,clin_size_long_diam_mm,"
                "concomitant_biopsy,diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_confirm_type,"
                "family_hx_mm,fitzpatrick_skin_type,image_type,lesion_id,mel_thick_mm,melanocytic,"
                "patient_id,rcm_case_id,sex,note",
                f"{IDS[0]},Clinic,CC-BY,1,85,head/neck,,4.5,True,Benign,Benign melanocytic "
                "proliferations,Nevus,histopathology,False,II,dermoscopic,IL_1,,True,IP_1,,male,a",
                f"{IDS[1]},Clinic,CC-0,30,50,palms/soles,acral palms or soles,3,True,Malignant,"
                "Malignant melanocytic proliferations (Melanoma),Melanoma Invasive,histopathology,"
                "True,III,dermoscopic,IL_2,0.4,True,IP_2,,female,b",
                f'{IDS[2]},"A, B",CC-BY-NC,,,,,,,Indeterminate,,,,,,RCM: macroscopic,IL_3,,,IP_3,'
                "RCM_1,,", f"{IDS[3]},,,,,,,,,,,,,,,,IL_3,,,IP_3,RCM_1,,", f"{IDS[4]}" + "," * 22)
    write_images(folder / "images", [f"{name}.jpg" for name in IDS])
    return folder


def ham10000_table(folder: Path) -> None:
    write_table(folder / "HAM10000_metadata.csv",
                "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset",
                f"HAM_1,{IDS[0]},nv,follow_up,45.0,male,back,rosendahl",
                f"HAM_1,{IDS[1]},nv,consensus,0,unknown,acral,rosendahl",
                f"HAM_2,{IDS[2]},akiec,histo,85,female,genital,vidir_modern",
                f"HAM_3,{IDS[3]},mel,confocal,,male,,vidir_molemax")


def ham10000(folder: Path) -> Path:
    ham10000_table(folder)
    write_images(folder / "HAM10000_images_part_1", [f"{name}.jpg" for name in IDS[:4]])
    return folder


def ham10000_with_isic(folder: Path) -> Path:
    ham10000_table(folder)
    return isic_client(folder)


def table(folder: Path) -> Path:
    write_table(folder / "notes.csv", "img;path;finding;who;spot;sex;target;code",
                "A.png;photos/A.png;benign mole;P1;S1;male;x;007",
                "B;./photos/deep/B.bmp;odd one;P2;S2;;y;011",
                "C;photos\\C.jpg;benign mole;P1;;female;;")
    write_images(folder / "photos", ["A.png", "deep/B.bmp", "C.jpg"])
    return folder


def parquet(folder: Path) -> Path:
    write_images(folder / "images", [f"{name}.jpg" for name in IDS])
    frame = pd.DataFrame({
        "isic_id": IDS, "age_approx": [45, 50, 0, 85, 15], "melanocytic": [True] * 3 + [False] * 2,
        "diagnosis_1": ["Benign", "Malignant", None, "Benign", "Indeterminate"],
        "clin_size_long_diam_mm": [1.5, None, 2.5, 1e9, 4.0],
        "day": pd.date_range("2020-01-01", periods=5)})
    frame.to_parquet(folder / "metadata.parquet", index=False)
    return folder


def class_folders(folder: Path) -> Path:
    write_images(folder, ["mole/A.jpg", "mole/B.png", "melanoma/C.bmp"])
    return folder


def dicom(folder: Path) -> Path:
    for number, name in enumerate(("a.dcm", "deep/b.dicom", f"{ROOT}.3")):
        frames = [draw_frame(number), draw_frame(9)][:1 + number % 2]
        save(folder / name, make_file(frames, uid=f"{ROOT}.{number}", PatientID=f"MRN{number}",
                                      PatientAge="047Y", PatientSex="F", BodyPartExamined="HEAD",
                                      OpticalMagnificationFactor="10.0"))
    write_table(folder / "labels.csv", "file,diagnosis_1,sex,patient_id", "a.dcm,Benign,male,x",
                "deep/b.dicom,Malignant,,y", "c.dcm,Benign,,")
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    **{name: sample.write for name, sample in SAMPLES.items()}, "slice3d-files": slice3d_files,
    "isic-client": isic_client, "ham10000": ham10000, "ham10000-with-isic": ham10000_with_isic,
    "table": table, "parquet": parquet, "class-folders": class_folders, "dicom": dicom}
"""What writes each sample."""


@cache
def sample_files(name: str) -> Mapping[str, bytes]:
    """The files of a sample by their posix paths, sorted."""
    with TemporaryDirectory() as place:
        folder = WRITERS[name](Path(place) / "set")
        return {path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*")) if path.is_file()}


def sample_columns(name: str) -> TableColumns | None:
    """The names of the columns that go with a sample."""
    return COLUMNS if name == "table" else None


def write_files(folder: Path, files: Mapping[str, Content]) -> Path:
    """Write every file or folder."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content == "folder":
            path.mkdir()
    return folder
