"""The faults that can be planted: what each does, and which check of the audit finds it."""

from dataclasses import dataclass
from functools import partial

from lesionlab.phantoms import copied_images as copied
from lesionlab.phantoms import edits, file_faults, label_faults, shortcut_faults, table_faults
from lesionlab.phantoms import split_faults as split
from lesionlab.phantoms.pictures import Edit
from lesionlab.phantoms.planting import Planter
from lesionlab.phantoms.scenes import draw_scene


def _say_most(share: float, of_what: str) -> str:
    return f"{100 * share:.0f} % {of_what} at full strength, in proportion below"


OF_LABELS = "share of the images whose label is moved"
OF_MARKS = "share of the malignant images that are so; no other is made so"
OF_SPOILT = _say_most(file_faults.MOST_SPOILT, "of the images")
OF_COPIES = _say_most(copied.MOST_COPIED, "of the images get a copy")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One known defect."""

    name: str
    """How it is asked for."""
    plants: str
    """What is wrong then, without a full stop."""
    strength: str
    """What the strength is a measure of, without a full stop."""
    codes: tuple[str, ...]
    """Checks that find it, the one that names the cause first."""
    plant: Planter
    """Plants it in a plan."""
    has_split: bool = False
    """Whether the table gets a column `split` that the fault is about."""


def _mark(name: str, plants: str, edit: Edit, *codes: str) -> Fault:
    return Fault(name=name, plants=plants, strength=OF_MARKS, codes=codes,
                 plant=partial(shortcut_faults.mark_malignant, edit=edit))


def _spoil(name: str, plants: str, edit: Edit, *codes: str) -> Fault:
    return Fault(name=name, plants=plants, strength=OF_SPOILT, codes=codes,
                 plant=partial(file_faults.spoil_pictures, edit=edit))


_OF_LABELS = (
    Fault(name="label-order", codes=("LL304", "LL306"), strength=OF_LABELS,
          plants="labels, sorted by class, are joined to images in the order of file names",
          plant=label_faults.attach_labels_by_position),
    Fault(name="label-shuffle", codes=("LL306", "LL601", "LL109"), strength=OF_LABELS,
          plants="labels are dealt anew among the images, at random",
          plant=label_faults.shuffle_labels),
    Fault(name="label-flip", codes=("LL602", "LL601"),
          plants="malignant lesions are labelled benign and, more rarely, benign ones malignant",
          strength=_say_most(label_faults.MOST_MISSED, "of the malignant and "
                             f"{100 * label_faults.MOST_FEARED:.0f} % of the benign lesions"),
          plant=label_faults.flip_labels),
    Fault(name="metadata-shift", codes=("LL307", "LL306"),
          plants="images have the whole row of another image: ids of patient and lesion, metadata "
                 "and label",
          strength="share of the images that have another's row",
          plant=label_faults.shift_metadata),
)

_OF_SPLITS = (
    Fault(name="patient-leak", codes=("LL101",), has_split=True,
          plants="a lesion of a patient stands in another role of `split` than the patient's rest",
          strength="share of the patients with several lesions that are torn apart",
          plant=split.leak_patients),
    Fault(name="lesion-leak", codes=("LL102",), has_split=True,
          plants="an image of a lesion stands in another role of `split` than the lesion's rest; "
                 "patients are not named",
          strength="share of the lesions with several images that are torn apart",
          plant=split.leak_lesions),
    Fault(name="duplicate-leak", codes=("LL103", "LL104", "LL107"), has_split=True,
          plants="images are there again in another role of `split` under new ids of image, "
                 f"patient and lesion, in turn {', '.join(copied.VARIANTS)}",
          strength=OF_COPIES, plant=copied.leak_copies),
    Fault(name="duplicate-conflict", codes=("LL105", "LL108"),
          plants="images are there again, as in duplicate-leak, with the label of another class",
          strength=OF_COPIES, plant=copied.contradict_copies),
    Fault(name="role-drift", codes=("LL405", "LL404"), has_split=True,
          plants="test patients are older, of darker skin, and photographed without a dermatoscope",
          strength="share of the test patients who are so", plant=split.drift_test_role),
)

_SHORTCUTS = (
    Fault(name="source-shortcut", codes=("LL303",),
          plants="malignant lesions come from one institution (`attribution`), all others from "
                 "another",
          strength="0.5 and half of the strength is the share of lesions that do",
          plant=shortcut_faults.tie_institution),
    Fault(name="camera-shortcut", codes=("LL308",),
          plants="malignant lesions are clinical close-ups and all others dermoscopic, in "
                 "`image_type` and to be seen",
          strength="share of the images of the other type that are changed",
          plant=shortcut_faults.tie_camera),
    Fault(name="filesize-shortcut", codes=("LL305",), strength=OF_MARKS,
          plants="files of malignant lesions are about twice as long, by a comment in the file",
          plant=shortcut_faults.tie_file_size),
    _mark("resolution-shortcut", "pictures of malignant lesions have one and a half times the "
          "width and height", edits.enlarge, "LL305"),
    Fault(name="jpeg-quality-shortcut", codes=("LL309", "LL305"), strength=OF_MARKS,
          plants="files of malignant lesions are compressed harder (JPEG quality "
                 f"{shortcut_faults.LOW_QUALITY})",
          plant=shortcut_faults.tie_quality),
    _mark("border-shortcut", "pictures of malignant lesions have dark corners",
          edits.darken_corners, "LL310", "LL311"),
    _mark("ruler-shortcut", "pictures of malignant lesions have a ruler at the lower edge",
          edits.lay_ruler, "LL312", "LL311"),
    _mark("ink-shortcut", "malignant lesions have strokes of a surgeon's pen around them",
          edits.draw_ink, "LL312", "LL311"),
    _mark("hair-shortcut", "malignant lesions lie under thick hair", edits.lay_hair,
          "LL312", "LL311"),
    _mark("colour-shortcut", "pictures of malignant lesions are taken in dim warm light",
          edits.warm_light, "LL313", "LL311"),
)

_OF_FILES = (
    _spoil("channel-swap", "files have red and blue exchanged", edits.swap_channels, "LL207"),
    _spoil("colour-cast", "pictures have a blue, green, yellow or pink cast",
           edits.cast_colour, "LL208"),
    _spoil("blur", "pictures are out of focus", edits.blur, "LL204"),
    _spoil("blank", "pictures are nearly black, or white", edits.blank, "LL205"),
    _spoil("off-topic", "pictures are no skin: text, landscapes, streets, test patterns, noise",
           draw_scene, "LL206"),
    Fault(name="stale-files", codes=("LL110",),
          plants="files of another cohort are left in the folder, and no row names them",
          strength=_say_most(file_faults.MOST_STALE, "more files"),
          plant=file_faults.leave_stale_files),
)

_OF_TABLES = (
    Fault(name="label-consequence", codes=("LL315",),
          plants="`biopsy_result_code` is known only after the diagnosis, and `batch` is a "
                 "near-copy of the label",
          strength="share of the lesions where they follow the label; elsewhere they are random",
          plant=table_faults.add_consequences),
    Fault(name="unit-error", codes=("LL503",),
          plants="sizes in `clin_size_long_diam_mm` are in cm",
          strength=_say_most(table_faults.MOST_IN_CM, "of the lesions of known size"),
          plant=table_faults.mix_units),
    Fault(name="missing-informative", codes=("LL302",),
          plants="`clin_size_long_diam_mm` is recorded for malignant lesions only",
          strength="share of the sizes of other lesions that are missing then",
          plant=table_faults.hide_benign_sizes),
    Fault(name="tiny-class", codes=("LL401",),
          plants="there are next to no malignant lesions",
          strength="share of the malignant lesions that are left out; "
                   f"{table_faults.LEAST_OF_TINY_CLASS} always stay",
          plant=table_faults.thin_class),
    Fault(name="constant-column", codes=("LL501",),
          plants=f"all patients are {table_faults.CONSTANT_SEX} in `sex`",
          strength="share of the others who are made so; below 1 the column is not constant yet",
          plant=table_faults.freeze_sex),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (
    *_OF_LABELS, *_OF_SPLITS, *_SHORTCUTS, *_OF_FILES, *_OF_TABLES)}
"""Every fault by name."""
