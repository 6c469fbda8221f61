"""Small copies of the challenge and research sets: files, columns and codes as published.

Every id and value is invented; pictures are noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageFilter

B, M, NO = "Benign", "Malignant", None


def draw(seed: str, file_format: str = "JPEG") -> bytes:
    """A picture that no other seed gives."""
    rng = np.random.default_rng([*seed.encode()])
    grain = rng.integers(60, 240, (24, 24, 3), dtype=np.uint8)
    buffer = BytesIO()
    picture = Image.fromarray(grain).resize((48, 48), Image.Resampling.BICUBIC)
    picture.filter(ImageFilter.GaussianBlur(0.5)).save(buffer, file_format)
    return buffer.getvalue()


def write_images(folder: Path, names: Iterable[str]) -> None:
    """A picture of each name, in the format of its ending."""
    formats = {".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw(name, formats[path.suffix.lower()]))


def write_table(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def one_hot(name: str, classes: Iterable[str], held: str) -> str:
    return ",".join([name, *("1.0" if label in held.split() else "0.0" for label in classes)])


def isic2016(folder: Path) -> Path:
    write_table(folder / "ISBI2016_ISIC_Part3_Training_GroundTruth.csv",
                "ISIC_9000000,benign", "ISIC_9000001,malignant", "ISIC_9000002,benign")
    write_table(folder / "ISBI2016_ISIC_Part3_Test_GroundTruth.csv",
                "ISIC_9000003,0.0", "ISIC_9000004,1.0")
    write_images(folder / "ISBI2016_ISIC_Part3_Training_Data",
                 [f"ISIC_900000{number}.jpg" for number in (0, 1, 2)])
    write_images(folder / "ISBI2016_ISIC_Part3_Test_Data",
                 [f"ISIC_900000{number}.jpg" for number in (3, 4)])
    return folder


def isic2017(folder: Path) -> Path:
    header = "image_id,melanoma,seborrheic_keratosis"
    for part, rows in (("Training", ["ISIC_9001000,0.0,0.0", "ISIC_9001001,1.0,0.0",
                                     "ISIC_9001002,0.0,1.0", "ISIC_9001009,1.0,1.0"]),
                       ("Validation", ["ISIC_9001003,0.0,0.0"]),
                       ("Test_v2", ["ISIC_9001004,1.0,0.0"])):
        write_table(folder / f"ISIC-2017_{part}_Part3_GroundTruth.csv", header, *rows)
        names = [row.split(",")[0] for row in rows]
        write_table(folder / f"ISIC-2017_{part}_Data" / f"ISIC-2017_{part}_Data_metadata.csv",
                    "image_id,age_approximate,sex",
                    *(f"{name},{age},{sex}" for name, age, sex in
                      zip(names, ("55", "unknown", "0", "30"),
                          ("female", "male", "unknown", "male"), strict=False)))
        write_images(folder / f"ISIC-2017_{part}_Data", [f"{name}.jpg" for name in names])
    return folder


CLASSES_2018 = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
CLASSES_2019 = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
CLASSES_MILK = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA",
                "VASC")


def isic2018(folder: Path) -> Path:
    parts = {"Training": ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC", "", "MEL NV", "NV"),
             "Validation": ("NV",), "Test": ("BKL",)}
    number = 0
    for part, held in parts.items():
        names = [f"ISIC_9002{number + place:03d}" for place in range(len(held))]
        number += len(held)
        name = f"ISIC2018_Task3_{part}_GroundTruth"
        write_table(folder / name / f"{name}.csv", ",".join(["image", *CLASSES_2018]), *(
            one_hot(image, CLASSES_2018, label)
            for image, label in zip(names, held, strict=True)))
        write_images(folder / f"ISIC2018_Task3_{part}_Input", [f"{image}.jpg" for image in names])
    write_table(folder / "ISIC2018_Task3_Training_LesionGroupings.csv",
                "image,lesion_id,diagnosis_confirm_type",
                *(f"ISIC_9002{place:03d},HAM_9{max(place, 1):06d},histopathology"
                  for place in range(9)),
                "ISIC_9002009,HAM_9000002,serial imaging showing no change")
    return folder


def isic2019(folder: Path) -> Path:
    held = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK", "NV MEL")
    names = [f"ISIC_9003{place:03d}" for place in range(len(held))]
    names[1] += "_downsampled"
    write_table(folder / "ISIC_2019_Training_GroundTruth.csv",
                ",".join(["image", *CLASSES_2019]),
                *(one_hot(name, CLASSES_2019, label)
                  for name, label in zip(names, held, strict=True)))
    write_table(folder / "ISIC_2019_Training_Metadata.csv",
                "image,age_approx,anatom_site_general,lesion_id,sex",
                f"{names[0]},55.0,anterior torso,BCN_9000000,female",
                f"{names[1]},0.0,,MSK4_9000001,male",
                f"{names[2]},85.0,palms/soles,HAM_9000002,",
                *(f"{name},60.0,head/neck,HAM_9000003,male" for name in names[3:5]),
                *(f"{name},,,," for name in names[5:]))
    write_images(folder / "ISIC_2019_Training_Input", [f"{name}.jpg" for name in names])
    return folder


def isic2020(folder: Path) -> Path:
    write_table(
        folder / "ISIC_2020_Training_GroundTruth_v2.csv",
        "image_name,patient_id,lesion_id,sex,age_approx,anatom_site_general_challenge,diagnosis,"
        "benign_malignant,target",
        "ISIC_9004000,IP_9000001,IL_9000000,male,45.0,head/neck,unknown,benign,0",
        "ISIC_9004001,IP_9000001,IL_9000001,male,45.0,torso,nevus,benign,0",
        "ISIC_9004002,IP_9000002,IL_9000002,female,0,lower extremity,melanoma,malignant,1",
        "ISIC_9004003,IP_9000003,IL_9000003,,,palms/soles,atypical melanocytic proliferation,"
        "benign,0",
        "ISIC_9004004,IP_9000004,IL_9000004,female,60.0,oral/genital,lentigo NOS,benign,0",
        "ISIC_9004005,IP_9000004,IL_9000005,female,60.0,torso,unknown,benign,1",
        "ISIC_9004006,IP_9000005,IL_9000006,male,50.0,torso,unknown,benign,0")
    write_table(folder / "ISIC_2020_Training_GroundTruth.csv",
                "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,"
                "benign_malignant,target",
                "ISIC_9004000,IP_9000001,male,45.0,head/neck,unknown,benign,0")
    write_table(folder / "ISIC_2020_Training_Duplicates.csv", "image_name_1,image_name_2",
                "ISIC_9004001,ISIC_9004006", "ISIC_9009998,ISIC_9009999")
    write_images(folder / "train", [f"ISIC_900400{number}.jpg" for number in range(7)])
    return folder


TBP = tuple(f"tbp_lv_{name}" for name in (
    "A", "Aext", "B", "Bext", "C", "Cext", "H", "Hext", "L", "Lext", "areaMM2", "area_perim_ratio",
    "color_std_mean", "deltaA", "deltaB", "deltaL", "deltaLB", "deltaLBnorm", "eccentricity",
    "location", "location_simple", "minorAxisMM", "nevi_confidence", "norm_border", "norm_color",
    "perimeterMM", "radial_color_std_max", "stdL", "stdLExt", "symm_2axis", "symm_2axis_angle",
    "x", "y", "z"))
SLICE_HEADER = ["isic_id", "target", "patient_id", "age_approx", "sex", "anatom_site_general",
                "clin_size_long_diam_mm", "image_type", "tbp_tile_type", *TBP, "attribution",
                "copyright_license", "lesion_id", "iddx_full", "iddx_1", "iddx_2", "iddx_3",
                "iddx_4", "iddx_5", "mel_mitotic_index", "mel_thick_mm",
                "tbp_lv_dnn_lesion_confidence"]


def slice_row(number: int, target: int, diagnosis: str, **cells: str) -> str:
    levels = [*diagnosis.split("::"), "", "", "", ""][:5]
    values = dict.fromkeys(TBP, "1.5") | {
        "tbp_lv_eccentricity": "0.9", "tbp_lv_location": "Torso Back Top Third",
        "tbp_lv_location_simple": "Torso Back", "tbp_lv_nevi_confidence": "99.80404",
        "isic_id": f"ISIC_9005{number:03d}", "target": str(target),
        "patient_id": f"IP_900{number // 3:04d}", "age_approx": "60.0", "sex": "male",
        "anatom_site_general": "posterior torso", "clin_size_long_diam_mm": "3.04",
        "image_type": "TBP tile: close-up", "tbp_tile_type": "3D: white",
        "attribution": "Memorial Sloan Kettering Cancer Center", "copyright_license": "CC-BY",
        "iddx_full": diagnosis, "tbp_lv_dnn_lesion_confidence": "97.5",
        **{f"iddx_{place + 1}": f'"{level}"' for place, level in enumerate(levels)}, **cells}
    values["iddx_full"] = f'"{values["iddx_full"]}"'
    return ",".join(values.get(name, "") for name in SLICE_HEADER)


SLICE_ROWS = (
    *(slice_row(number, 0, "Benign") for number in range(6)),
    slice_row(6, 1, "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma Invasive"
              "::Melanoma Invasive, Superficial spreading", lesion_id="IL_9000006",
              mel_thick_mm="0.4", mel_mitotic_index="0/mm^2"),
    slice_row(7, 1, "Malignant::Malignant adnexal epithelial proliferations - Follicular::"
              "Basal cell carcinoma::Basal cell carcinoma, Of tomorrow", lesion_id="IL_9000007",
              copyright_license="CC-0"),
    slice_row(8, 0, "Indeterminate::Indeterminate epidermal proliferations::"
              "Solar or actinic keratosis", age_approx="NA"),
    slice_row(9, 1, "Malignant", tbp_lv_nevi_confidence="140"),
    slice_row(10, 0, "Malignant"),
)


def slice3d_table(folder: Path) -> list[str]:
    write_table(folder / "train-metadata.csv", ",".join(SLICE_HEADER), *SLICE_ROWS)
    write_table(folder / "test-metadata.csv",
                ",".join(SLICE_HEADER[0:1] + SLICE_HEADER[2:46]), ",".join(["ISIC_9"] * 45))
    return [row.split(",")[0] for row in SLICE_ROWS]


def write_hdf5(path: Path, names: Iterable[str]) -> None:
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_dataset(name, data=np.void(draw(name)))


def slice3d(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_hdf5(folder / "train-image.hdf5", slice3d_table(folder))
    return folder


def slice3d_files(folder: Path) -> Path:
    write_images(folder / "train-image" / "image",
                 [f"{name}.jpg" for name in slice3d_table(folder)])
    return folder


MONET = ("MONET_ulceration_crust", "MONET_hair", "MONET_vasculature_vessels", "MONET_erythema",
         "MONET_pigmented", "MONET_gel_water_drop_fluid_dermoscopy_liquid",
         "MONET_skin_markings_pen_ink_purple_pen")
MILK_CASES = (("BCC", "Basal cell carcinoma", "head_neck_face"), ("NV", "Nevus, Acral", "foot"),
              ("MEL", "Melanoma in situ", "trunk"), ("AKIEC", "Solar or actinic keratosis", ""),
              ("AKIEC", "", "hand"), ("BEN_OTH", "", "genital"), ("SCCKA", "", "trunk"),
              ("NV MEL", "Nevus", "trunk"), ("NV", "Melanoma Invasive", "trunk"))


def milk10k(folder: Path) -> Path:
    metadata, truth, supplement = [], [], []
    for number, (label, diagnosis, site) in enumerate(MILK_CASES):
        lesion = f"IL_9{number:06d}"
        truth.append(one_hot(lesion, CLASSES_MILK, label))
        for place, kind in enumerate(("clinical: close-up", "dermoscopic")):
            name = f"ISIC_9006{number}{place}0"
            metadata.append(",".join([
                lesion, kind, name, "MILK study team", "CC-BY-NC", "instrument only",
                "0" if number == 1 else "70", "male", str(number % 6), site,
                *("0.25" for _ in MONET)]))
            supplement.append(f'{name},"{diagnosis}",histopathology,')
            write_images(folder / "MILK10k_Training_Input" / lesion, [f"{name}.jpg"])
    write_table(folder / "MILK10k_Training_Metadata.csv", ",".join([
        "lesion_id", "image_type", "isic_id", "attribution", "copyright_license",
        "image_manipulation", "age_approx", "sex", "skin_tone_class", "site", *MONET]), *metadata)
    write_table(folder / "MILK10k_Training_GroundTruth.csv",
                ",".join(["lesion_id", *CLASSES_MILK]), *truth)
    write_table(folder / "MILK10k_Training_Supplement.csv",
                "isic_id,diagnosis_full,diagnosis_confirm_type,invasion_thickness_interval",
                *supplement)
    return folder


PAD_HEADER = (
    "patient_id,lesion_id,smoke,drink,background_father,background_mother,age,pesticide,gender,"
    "skin_cancer_history,cancer_history,has_piped_water,has_sewage_system,fitspatrick,region,"
    "diameter_1,diameter_2,diagnostic,itch,grew,hurt,changed,bleed,elevation,img_id,biopsed")


def pad_ufes_20(folder: Path) -> Path:
    asked = "True,False,POMERANIA,GERMANY,55,False,FEMALE,True,True,True,True"
    write_table(
        folder / "metadata.csv", PAD_HEADER,
        f"PAT_9001,81,{asked},3.0,NECK,6.0,5.0,BCC,True,True,False,True,True,True,"
        "PAT_9001_81_14.png,True",
        f"PAT_9001,82,{asked},3.0,FOREARM,4.0,7.0,ACK,UNK,UNK,UNK,UNK,UNK,False,"
        "PAT_9001_82_15.png,False",
        "PAT_9002,81,,,,,8,,,,,,,,ARM,,,NEV,False,False,False,False,False,False,"
        "PAT_9002_81_16.png,False",
        "PAT_9002,81,,,,,8,,,,,,,,ARM,,,NEV,False,False,False,False,False,False,"
        "PAT_9002_81_17.png,False",
        f"PAT_9003,83,{asked},1.0,NOSE,0.0,0.0,SCC,True,True,True,True,True,True,"
        "PAT_9003_83_18.png,True",
        f"PAT_9004,84,{asked},6.0,HAND,5.0,5.0,MEL,False,True,False,True,False,True,"
        "PAT_9004_84_19.png,True",
        "PAT_9005,85,,,,,60,,,,,,,,FACE,,,SEK,False,False,False,False,False,True,"
        "PAT_9005_85_20.png,False")
    write_images(folder / "images" / "imgs_part_1", [
        f"PAT_{name}.png" for name in ("9001_81_14", "9001_82_15", "9002_81_16", "9002_81_17")])
    write_images(folder / "images" / "imgs_part_2", [
        f"PAT_{name}.png" for name in ("9003_83_18", "9004_84_19", "9005_85_20")])
    return folder


FITZPATRICK_ROWS = (
    ("a", "3", "melanoma", "malignant melanoma", "malignant", ""),
    ("b", "-1", "psoriasis", "inflammatory", "non-neoplastic", ""),
    ("c", "6", "actinic keratosis", "malignant epidermal", "malignant", "1 Diagnostic"),
    ("d", "1", "ehlers danlos syndrome", "genodermatoses", "non-neoplastic", ""),
    ("e", "5", "keloid", "benign dermal", "benign", "2 Characteristic"),
    ("f", "2", "basal cell carcinoma", "malignant epidermal", "malignant", "3 Wrongly labelled"),
    ("0", "4", "nevocytic nevus", "benign melanocyte", "benign", ""),
    ("1", "4", "nevocytic nevus", "malignant epidermal", "malignant", ""),
)


def fitzpatrick17k(folder: Path) -> Path:
    write_table(folder / "fitzpatrick17k.csv",
                "md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,"
                "three_partition_label,qc,url,url_alphanum",
                *(f"{name * 32},{scale},{scale},{label},{nine},{three},{qc},"
                  f"http://example.org/{name}.jpg,httpexampleorg{name}jpg"
                  for name, scale, label, nine, three, qc in FITZPATRICK_ROWS))
    write_images(folder / "data" / "finalfitz17k",
                 [f"{name * 32}.jpg" for name, *_ in FITZPATRICK_ROWS])
    return folder


def ddi(folder: Path) -> Path:
    rows = (("56", "True", "melanoma-in-situ"), ("12", "False", "melanocytic-nevi"),
            ("34", "False", "actinic-keratosis"), ("56", "True", "mycosis-fungoides"),
            ("12", "False", "abscess"), ("34", "False", "melanoma"))
    write_table(folder / "ddi_metadata.csv", ",DDI_ID,DDI_file,skin_tone,malignant,disease",
                *(f"{place},{place + 1},{place + 1:06d}.png,{','.join(row)}"
                  for place, row in enumerate(rows)))
    write_images(folder / "images", [f"{place + 1:06d}.png" for place in range(len(rows))])
    return folder


def ph2(folder: Path) -> Path:
    rows = (("", "0"), ("", "1"), ("Melanoma in situ", "2"), ("Compound nevus", "1"))
    names = [f"IMD90{place}" for place in range(len(rows))]
    write_table(
        folder / "PH2_dataset.txt",
        "||   Name || Histological Diagnosis || Clinical Diagnosis || Asymmetry | Pigment Network "
        "| Dots/Globules | Streaks | Regression Areas | Blue-Whitish Veil ||           Colors  ||",
        *(f"|| {name} || {histology:>22} ||                  {code} ||         0 |               T"
          " |             A |       A |                A |                 A ||             3  4 ||"
          for name, (histology, code) in zip(names, rows, strict=True)),
        "", "Legends:", "  Clinical Diagnosis:", "      0 - Common Nevus",
        "      1 - Atypical Nevus", "      2 - Melanoma")
    write_images(folder / "PH2 Dataset images", [
        f"{name}/{name}_{kind}/{file}.bmp" for name in names for kind, file in (
            ("Dermoscopic_Image", name), ("lesion", f"{name}_lesion"),
            ("roi", f"{name}_R1_Label4"))])
    return folder


DERM_HEADER = (
    "case_num,diagnosis,seven_point_score,pigment_network,streaks,pigmentation,"
    "regression_structures,dots_and_globules,blue_whitish_veil,vascular_structures,"
    "level_of_diagnostic_difficulty,elevation,location,sex,management,clinic,derm,case_id,notes")


def derm7pt(folder: Path) -> Path:
    cases = (("basal cell carcinoma", "abdomen"), ("reed or spitz nevus", "acral"),
             ("melanoma (less than 0.76 mm)", "back"), ("miscellaneous", "head neck"),
             ("seborrheic keratosis", "buttocks"), ("melanosis", "genital areas"))
    absent = ",".join(["absent"] * 7)
    write_table(folder / "meta" / "meta.csv", DERM_HEADER, *(
        f"{place + 1},{label},1,{absent},medium,flat,{site},female,excision,"
        f"NEL/NEL{2 * place:03d}.JPG,NEL/Nel{2 * place + 1:03d}.jpg,,"
        for place, (label, site) in enumerate(cases)))
    for role, indexes in (("train", "3 0 5"), ("valid", "1"), ("test", "2 4")):
        write_table(folder / "meta" / f"{role}_indexes.csv", "indexes", *indexes.split())
    write_images(folder / "images" / "NEL", [
        name for place in range(len(cases))
        for name in (f"NEL{2 * place:03d}.JPG", f"Nel{2 * place + 1:03d}.jpg")])
    return folder


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A small copy of a data set, and what reading it must give."""

    write: Callable[[Path], Path]
    malignancy: Mapping[str, str | None]
    """The class of each row that is kept."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Reason by id."""
    adjusted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Values by column and reason."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Ids that must be in one group, those with others alone."""
    licences: Mapping[str, int]
    unlisted: int = 0
    """Files that are no image of a row."""


def _number(stem: str, classes: Iterable[str | None]) -> dict[str, str | None]:
    return {f"{stem}{place}": name for place, name in enumerate(classes)}


_DERM = ("derm", "clinic")
SAMPLES: dict[str, Sample] = {
    "isic2016": Sample(write=isic2016, malignancy=_number("ISIC_900000", (B, M, B, B, M)),
                       licences={"CC-0": 5}),
    "isic2017": Sample(
        write=isic2017, malignancy=_number("ISIC_900100", (B, M, B, B, M)),
        dropped={"ISIC_9001009": "several_classes"}, licences={"CC-0": 5},
        adjusted={("age_approx", "zero_means_unknown"): 1}),
    "isic2018": Sample(
        write=isic2018,
        malignancy=_number("ISIC_900200", (M, B, M, NO, B, B, B)) | {
            "ISIC_9002009": B, "ISIC_9002010": B, "ISIC_9002011": B},
        dropped={"ISIC_9002007": "no_class", "ISIC_9002008": "several_classes"},
        groups=(("ISIC_9002000", "ISIC_9002001"), ("ISIC_9002002", "ISIC_9002009")),
        licences={"CC-BY-NC": 10}),
    "isic2019": Sample(
        write=isic2019,
        malignancy={"ISIC_9003000": M, "ISIC_9003001_downsampled": B, "ISIC_9003002": M,
                    "ISIC_9003003": NO, "ISIC_9003004": B, "ISIC_9003005": B, "ISIC_9003006": B,
                    "ISIC_9003007": M, "ISIC_9003008": NO},
        dropped={"ISIC_9003009": "several_classes"},
        adjusted={("age_approx", "zero_means_unknown"): 1},
        groups=(("ISIC_9003003", "ISIC_9003004"),), licences={"CC-BY-NC": 9}),
    "isic2020": Sample(
        write=isic2020, malignancy=_number("ISIC_900400", (B, B, M, NO, B)),
        dropped={"ISIC_9004005": "conflicting_diagnosis", "ISIC_9004006": "listed_duplicate"},
        adjusted={("age_approx", "zero_means_unknown"): 1},
        groups=(("ISIC_9004000", "ISIC_9004001"),), licences={"CC-BY-NC": 5}),
    "slice3d": Sample(
        write=slice3d, malignancy=_number("ISIC_900500", (B, B, B, B, B, B, M, M, NO, M)),
        dropped={"ISIC_9005010": "conflicting_diagnosis"},
        adjusted={("diagnosis", "finer_than_hierarchy"): 1,
                  ("tbp_lv_nevi_confidence", "out_of_range"): 1},
        groups=tuple(tuple(f"ISIC_900500{number}" for number in range(first, first + 3))
                     for first in (0, 3, 6)),
        licences={"CC-0": 1, "CC-BY": 9}),
    "milk10k": Sample(
        write=milk10k,
        malignancy={f"ISIC_9006{number}{place}0": name for place in (0, 1)
                    for number, name in enumerate((M, B, M, NO, NO, B, M))},
        dropped={f"ISIC_9006{number}{place}0": reason for place in (0, 1)
                 for number, reason in ((7, "several_classes"), (8, "conflicting_diagnosis"))},
        adjusted={("age_approx", "zero_means_unknown"): 2},
        groups=tuple((f"ISIC_9006{number}00", f"ISIC_9006{number}10") for number in range(7)),
        licences={"CC-BY-NC": 14}),
    "pad-ufes-20": Sample(
        write=pad_ufes_20,
        malignancy={"PAT_9001_81_14": M, "PAT_9001_82_15": NO, "PAT_9002_81_16": B,
                    "PAT_9002_81_17": B, "PAT_9003_83_18": M, "PAT_9004_84_19": M,
                    "PAT_9005_85_20": B},
        adjusted={("clin_size_long_diam_mm", "zero_means_unknown"): 1,
                  **{(f"pad_{name}", "means_unknown"): 1
                     for name in ("bleed", "changed", "grew", "hurt", "itch")}},
        groups=(("PAT_9001_81_14", "PAT_9001_82_15"), ("PAT_9002_81_16", "PAT_9002_81_17")),
        licences={"CC-BY": 7}),
    "fitzpatrick17k": Sample(
        write=fitzpatrick17k,
        malignancy={name * 32: label for name, label in zip("abcde0", (M, B, NO, NO, B, B),
                                                           strict=True)},
        dropped={"f" * 32: "wrongly_labelled", "1" * 32: "conflicting_diagnosis"},
        adjusted={("fitzpatrick_skin_type", "means_unknown"): 1}, licences={"CC-BY-NC-SA": 6}),
    "ddi": Sample(
        write=ddi, malignancy={f"DDI_{number + 1:06d}": name
                               for number, name in enumerate((M, B, NO, M, B))},
        dropped={"DDI_000006": "conflicting_diagnosis"},
        licences={"DDI non-commercial research use": 5}),
    "ph2": Sample(write=ph2, malignancy=_number("IMD90", (B, B, M, B)),
                  licences={"PH2 research use": 4}, unlisted=8),
    "derm7pt": Sample(
        write=derm7pt,
        malignancy={f"derm7pt_{number + 1}_{kind}": name for kind in _DERM
                    for number, name in enumerate((M, B, M, NO, B, B))},
        groups=tuple(tuple(f"derm7pt_{number + 1}_{kind}" for kind in ("clinic", "derm"))
                     for number in range(6)),
        licences={"Derm7pt terms of use": 12}),
}
"""Every sample by the layout that it must be recognised as."""
