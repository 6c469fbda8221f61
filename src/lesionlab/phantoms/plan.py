"""The plan of a phantom: its patients, lesions and images before anything is drawn."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.phantoms import truth
from lesionlab.phantoms.diagnoses import DIAGNOSES
from lesionlab.phantoms.drawing import Lesion, View
from lesionlab.phantoms.looks import Look
from lesionlab.phantoms.pictures import Picture

ATTRIBUTION = "lesionlab phantom"
"""Who is to be named for every picture."""

DERMOSCOPIC, CLINICAL = "dermoscopic", "clinical: close-up"
"""Values of `image_type`: with and without a dermatoscope."""

LICENCE = "CC-0"
"""The pictures are of nobody, and free."""

_HIDDEN_COLUMNS = (
    "lesion_number",
    "look",
    "severity",
    "skin_type",
    "is_dermoscopic",
    "image_score",
    "metadata_score",
    "joint_score",
)

_LOOK_SHARES: dict[Look, float] = {
    "melanocytic": 0.50,
    "keratotic": 0.20,
    "translucent": 0.22,
    "vascular": 0.08,
}
_INDETERMINATE_SHARE = 0.06
_SKIN_SHARES = {"I": 0.12, "II": 0.33, "III": 0.27, "IV": 0.14, "V": 0.09, "VI": 0.05}
_LESION_SHARES = (0.40, 0.30, 0.20, 0.10)
_IMAGE_SHARES = (0.60, 0.28, 0.12)
_CLINICAL_SHARE = 0.08

# Site: share of lesions and the risk it adds, in standard deviations of the site's risk.
_SITES: dict[str, tuple[float, float]] = {
    "Head and neck:Head:Face": (0.12, 1.8),
    "Head and neck:Head:Scalp": (0.05, 1.5),
    "Head and neck:Neck": (0.05, 0.9),
    "Trunk:Posterior trunk:Upper back": (0.16, 0.3),
    "Trunk:Posterior trunk:Lower back": (0.09, -0.3),
    "Trunk:Anterior trunk:Anterior chest": (0.10, -0.2),
    "Trunk:Anterior trunk:Anterior abdomen": (0.10, -1.0),
    "Upper extremity:Shoulder": (0.06, 0.0),
    "Upper extremity:Upper arm": (0.05, -0.4),
    "Upper extremity:Forearm:Dorsal forearm": (0.06, 0.2),
    "Upper extremity:Hand:Palm of hand": (0.01, -1.5),
    "Lower extremity:Thigh": (0.06, -1.2),
    "Lower extremity:Lower leg:Calf": (0.06, -0.8),
    "Lower extremity:Foot:Sole of foot": (0.03, -1.5),
}

# Probability that a value is not recorded. It depends on nothing.
_MISSING = {
    "age_approx": 0.04,
    "sex": 0.03,
    "fitzpatrick_skin_type": 0.60,
    "anatom_site": 0.05,
    "clin_size_long_diam_mm": 0.50,
}

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All rows and pictures of a phantom, joined by `isic_id`."""

    metadata: pd.DataFrame
    """A row per image with the columns of the ISIC Archive's export, as they will be written but
    for `pixels_x` and `pixels_y`, in ascending order of `isic_id`."""
    truth: pd.DataFrame
    """A row per image: `isic_id`, `lesion_number`, `look`, `severity`, `skin_type`,
    `is_dermoscopic`, `diagnosis_1` and the three scores, whatever fault is planted."""
    pictures: Mapping[str, Picture]
    """The file of each `isic_id`; after a fault also files that no row names."""


def plan_cohort(
    num_patients: int,
    seed: int,
    *,
    image_signal: float,
    metadata_signal: float,
    image_size: tuple[int, int] = (320, 240),
) -> Plan:
    """Return the plan of a phantom without faults, in random order of its ids.

    Args:
        num_patients: at least 1.
        seed: same seed, same plan.
        image_signal: strength of the image score, 0 for none.
        metadata_signal: strength of the metadata score, 0 for none.
        image_size: width and height in pixels.
    """
    rng = np.random.default_rng([seed, 0])
    lesions = []
    for patient in range(num_patients):
        shared = _draw_patient(rng)
        for _ in range(_choose_count(rng, _LESION_SHARES)):
            lesion = shared | _draw_lesion(rng, shared["risk"], image_signal, metadata_signal)
            lesions.append(lesion | {"patient": patient, "lesion_number": len(lesions)})
    images = [image for lesion in lesions for image in _draw_images(rng, lesion)]
    table = pd.DataFrame(images).drop(columns="risk").astype({"age_approx": "Int64"})
    table["isic_id"] = draw_ids(rng, "ISIC", len(table))
    table["patient_id"] = np.array(draw_ids(rng, "IP", num_patients))[table.pop("patient")]
    table["lesion_id"] = np.array(draw_ids(rng, "IL", len(lesions)))[table["lesion_number"]]
    table = table.sort_values("isic_id", ignore_index=True)
    metadata = table.drop(columns=list(_HIDDEN_COLUMNS)).assign(
        attribution=ATTRIBUTION, copyright_license=LICENCE, image_manipulation="synthetic"
    )
    return Plan(
        metadata=metadata,
        truth=table.loc[:, ["isic_id", "diagnosis_1", *_HIDDEN_COLUMNS]].copy(),
        pictures=_plan_pictures(table, seed, image_size),
    )


def _draw_patient(rng: np.random.Generator) -> Row:
    age = float(np.clip(rng.normal(52, 18), 10, 85))
    is_male = bool(rng.random() < 0.52)
    skin_type = str(rng.choice(list(_SKIN_SHARES), p=list(_SKIN_SHARES.values())))
    return {
        "risk": 0.72 * (age - 52) / 18 + 0.25 * (1 if is_male else -1),
        "skin_type": skin_type,
        # The Archive rounds ages to five years, so that they do not identify a patient.
        "age_approx": _maybe(rng, "age_approx", int(5 * round(age / 5))),
        "sex": _maybe(rng, "sex", "male" if is_male else "female"),
        "fitzpatrick_skin_type": _maybe(rng, "fitzpatrick_skin_type", skin_type),
    }


def _draw_lesion(
    rng: np.random.Generator, patient_risk: float, image_signal: float, metadata_signal: float
) -> Row:
    shares, risks = zip(*_SITES.values(), strict=True)
    site_number = int(rng.choice(len(_SITES), p=shares))
    log_size = rng.standard_normal()
    metadata_score = patient_risk + 0.40 * risks[site_number] + 0.50 * log_size
    probability = truth.malignancy_probability(metadata_score, metadata_signal)
    is_malignant = bool(rng.random() < probability)
    image_score = truth.draw_image_score(is_malignant, image_signal, rng)
    joint_score = truth.joint_score(
        image_score, metadata_score, image_signal=image_signal, metadata_signal=metadata_signal
    )
    site = _maybe(rng, "anatom_site", list(_SITES)[site_number])
    size_mm = round(float(np.clip(5.5 * np.exp(0.55 * log_size), 1, 40)), 1)
    return {
        "clin_size_long_diam_mm": _maybe(rng, "clin_size_long_diam_mm", size_mm),
        "severity": NormalDist(1.0, 1.2).cdf(image_score),
        "image_score": image_score,
        "metadata_score": metadata_score,
        "joint_score": joint_score,
        **_levels("anatom_site", site),
        **_draw_diagnosis(rng, is_malignant),
    }


def _draw_diagnosis(rng: np.random.Generator, is_malignant: bool) -> Row:
    look: Look = rng.choice(list(_LOOK_SHARES), p=list(_LOOK_SHARES.values()))
    malignancy = "Malignant" if is_malignant else "Benign"
    if "Indeterminate" in DIAGNOSES[look] and rng.random() < _INDETERMINATE_SHARE:
        malignancy = "Indeterminate"
    names = DIAGNOSES[look][malignancy]
    is_proven = bool(malignancy != "Benign" or rng.random() < 0.35)
    consensus = ("serial imaging showing no change", "single image expert consensus")
    confirmation = "histopathology" if is_proven else consensus[int(rng.integers(2))]
    name = names[int(rng.integers(len(names)))]
    return {
        "look": str(look),
        **_levels("diagnosis", name),
        "diagnosis_confirm_type": confirmation,
        "concomitant_biopsy": is_proven,
        "melanocytic": look == "melanocytic" or "elanoma" in name,
    }


def _draw_images(rng: np.random.Generator, lesion: Row) -> list[Row]:
    day = 1
    images = []
    for _ in range(_choose_count(rng, _IMAGE_SHARES)):
        is_dermoscopic = bool(rng.random() >= _CLINICAL_SHARE)
        image_type = DERMOSCOPIC if is_dermoscopic else CLINICAL
        images.append(
            lesion
            | {"acquisition_day": day, "image_type": image_type, "is_dermoscopic": is_dermoscopic}
        )
        day += int(rng.integers(0, 400))
    return images


def _plan_pictures(table: pd.DataFrame, seed: int, size: tuple[int, int]) -> dict[str, Picture]:
    pictures = {}
    # Each picture has its own seeds, so that the order of the workers does not matter.
    for number, row in enumerate(table.to_dict(orient="records")):
        lesion = Lesion(
            look=row["look"],
            severity=row["severity"],
            skin_type=row["skin_type"],
            seed=(seed, 1, row["lesion_number"]),
        )
        view = View(
            width=size[0],
            height=size[1],
            is_dermoscopic=row["is_dermoscopic"],
            seed=(seed, 2, number),
        )
        pictures[row["isic_id"]] = Picture(lesion=lesion, view=view)
    return pictures


def _maybe(rng: np.random.Generator, field: str, value: Any) -> Any:
    return None if rng.random() < _MISSING[field] else value


def _levels(field: str, path: str | None) -> Row:
    levels = path.split(":") if path else []
    return {f"{field}_{n}": levels[n - 1] if n <= len(levels) else None for n in (1, 2, 3)}


def _choose_count(rng: np.random.Generator, shares: tuple[float, ...]) -> int:
    return 1 + int(rng.choice(len(shares), p=shares))


def draw_ids(
    rng: np.random.Generator, prefix: str, count: int, taken: Set[str] = frozenset()
) -> list[str]:
    """Return new ids of a kind, such as `ISIC_91234567`, none of them taken."""
    # Eight digits, where the Archive has seven: no phantom has the id of a real image.
    numbers = 90_000_000 + rng.choice(10_000_000, count + len(taken), replace=False)
    ids = [f"{prefix}_{number}" for number in numbers]
    return [name for name in ids if name not in taken][:count]
