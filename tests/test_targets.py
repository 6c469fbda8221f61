"""Every term of the official hierarchy goes to the class that the targets declare."""

from __future__ import annotations

import pandas as pd
import pytest
from isic_metadata.diagnosis_hierarchical import DiagnosisEnum

from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import InputError
from lesionlab.targets import (
    ISIC2018,
    ISIC2019,
    MALIGNANCY,
    MALIGNANT_SUBTYPE,
    TARGETS,
    Target,
    assign_target,
    column_target,
    find_target,
)

PATHS = [term.value for term in DiagnosisEnum]
NO_CLASS = ("Benign, other than the classes", "Indeterminate, other than the classes",
            "Malignant, other than the classes")
SCC = {"Malignant:Malignant epidermal proliferations:Squamous cell carcinoma in situ",
       "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, Invasive",
       "Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, NOS"}
MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma)"
BCC = "Malignant:Malignant adnexal epithelial proliferations - Follicular:Basal cell carcinoma"
ACTINIC = "Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis"
SHARED = {
    "NV": {"Benign:Benign melanocytic proliferations:Nevus"},
    "MEL": {MELANOMA},
    "BCC": {BCC},
    "BKL": {"Benign:Benign epidermal proliferations:Lichen planus like keratosis",
            "Benign:Benign epidermal proliferations:Pigmented benign keratosis",
            "Benign:Benign epidermal proliferations:Seborrheic keratosis",
            "Benign:Benign epidermal proliferations:Solar lentigo"},
    "DF": {"Benign:Benign soft tissue proliferations - Fibro-histiocytic:Dermatofibroma"},
    "VASC": {"Benign:Benign soft tissue proliferations - Vascular",
             "Benign:Hemorrhagic lesions:Hemorrhage"},
}
# For each class the terms under which it begins; all below them, down to the next, share it.
BEGINS = {
    "malignancy": {"Benign": {"Benign"}, "Malignant": {"Malignant"}},
    "malignant_subtype": {
        "Benign": {"Benign"}, "basal cell carcinoma": {BCC}, "melanoma": {MELANOMA},
        "melanoma metastasis": {f"{MELANOMA}:Melanoma metastasis"},
        "squamous cell carcinoma": SCC},
    "isic2018": SHARED | {"AKIEC": {
        ACTINIC, *(term for term in SCC if not term.endswith("Invasive"))}},
    "isic2019": SHARED | {"AK": {ACTINIC}, "SCC": SCC},
}
COUNTS = {
    "malignancy": {"Benign": 233, "Malignant": 165, "Indeterminate": 20},
    "malignant_subtype": {
        "Benign": 233, "basal cell carcinoma": 10, "melanoma": 28, "melanoma metastasis": 1,
        "squamous cell carcinoma": 35, "Indeterminate": 20,
        "Malignant, other than the subtypes": 91},
    "isic2018": {"NV": 32, "MEL": 28, "BKL": 5, "BCC": 10, "AKIEC": 9, "VASC": 33, "DF": 6,
                 **dict(zip(NO_CLASS, (157, 14, 124), strict=True))},
    "isic2019": {"MEL": 28, "NV": 32, "BCC": 10, "AK": 6, "BKL": 5, "DF": 6, "VASC": 33,
                 "SCC": 35, **dict(zip(NO_CLASS, (157, 14, 92), strict=True))},
}


def cohort_of(paths: list[str], **columns: list[object]) -> Cohort:
    """An image per path, named by its place in the list."""
    levels = pd.DataFrame([dict(enumerate(path.split(":"), 1)) if path else {} for path in paths],
                          columns=range(1, 6), dtype="str").add_prefix("diagnosis_")
    return Cohort.from_frame(levels.assign(isic_id=[f"{place:03d}" for place in range(len(paths))],
                                           **columns))


def assign_paths(target: Target) -> tuple[dict[str, str | None], dict[str, int]]:
    classes, reasons = assign_target(target, cohort_of(PATHS))
    values = [None if pd.isna(name) else name for name in classes]
    return dict(zip(PATHS, values, strict=True)), reasons


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_term_goes_to_a_class_or_is_dropped_with_a_reason(target: Target):
    classes, reasons = assign_paths(target)
    counts = pd.Series(list(classes.values())).value_counts().to_dict()
    assert counts | reasons == COUNTS[target.name]
    assert sum(COUNTS[target.name].values()) == len(PATHS) == 418


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_class_begins_at_the_declared_terms(target: Target):
    classes, _ = assign_paths(target)
    begins = {name: {path for path, given in classes.items() if given == name
                     and classes.get(path.rpartition(":")[0]) != name} for name in target.classes}
    assert begins == BEGINS[target.name]
    assert set(target.classes) == BEGINS[target.name].keys()


def test_declared_terms_are_terms_of_the_schema():
    for target in TARGETS.values():
        assert {*target.terms, *target.dropped} <= set(PATHS)


def test_metastases_are_a_subtype_and_no_challenge_class():
    metastasis = f"{MELANOMA}:Melanoma metastasis"
    assert [assign_paths(target)[0][metastasis] for target in
            (MALIGNANCY, MALIGNANT_SUBTYPE, ISIC2018, ISIC2019)] == [
        "Malignant", "melanoma metastasis", None, None]


def test_dx_counts_only_where_the_diagnosis_is_unknown():
    cohort = cohort_of(["", "", "Benign:Benign melanocytic proliferations:Nevus", ""],
                       dx=["akiec", "mel", "mel", None])
    assert assign_target(ISIC2018, cohort)[0].to_list()[:3] == ["AKIEC", "MEL", "NV"]
    assert assign_target(ISIC2018, cohort)[1] == {"no diagnosis": 1}
    assert assign_target(ISIC2019, cohort)[1] == {"no diagnosis": 2}
    assert assign_target(MALIGNANCY, cohort)[1] == {"no diagnosis": 3}


def test_the_series_is_by_id_and_in_the_cohorts_order():
    cohort = cohort_of(["Malignant", "Benign", "Indeterminate"])
    classes, reasons = assign_target(MALIGNANCY, cohort)
    assert classes.index.equals(cohort.ids) and classes.name == "target"
    assert classes.isna().tolist() == [False, False, True]
    assert reasons == {"Indeterminate": 1}


def test_a_column_is_a_target():
    cohort = cohort_of(["Benign"] * 3, label=["b: x", "a", None])
    target = find_target("label", cohort)
    assert target == column_target("label", cohort)
    assert target.classes == ("a", "b: x")
    classes, reasons = assign_target(target, cohort)
    assert classes.dropna().to_dict() == {"000": "b: x", "001": "a"}
    assert reasons == {"no label": 1}


def test_a_boolean_column_is_a_target():
    cohort = cohort_of(["Benign"] * 3, melanocytic=[True, False, None])
    classes, reasons = assign_target(find_target("melanocytic", cohort), cohort)
    assert classes.dropna().to_dict() == {"000": "True", "001": "False"}
    assert reasons == {"no melanocytic": 1}


def test_error_no_such_target():
    cohort = cohort_of(["Benign"] * 2, label=["a", "b"], age_approx=[4, 5])
    with pytest.raises(InputError) as caught:
        find_target("malignncy", cohort)
    assert str(caught.value) == (
        "there is no target 'malignncy'; did you mean 'malignancy'? Choose one of malignancy, "
        "malignant_subtype, isic2018, isic2019, or a column of this cohort: label")
    with pytest.raises(InputError) as caught:
        find_target("xyz", cohort)
    assert str(caught.value) == (
        "there is no target 'xyz'. Choose one of malignancy, malignant_subtype, isic2018, "
        "isic2019, or a column of this cohort: label")


@pytest.mark.parametrize(("name", "problem"), [
    ("age_approx", "it holds numbers, not classes"),
    ("lesion_id", "it holds free text, not classes"),
    ("depth", "it holds numbers, not classes"),
    ("sex", "it has 1 different values; a target needs 2 to 50"),
])
def test_error_a_column_that_cannot_be_a_target(name: str, problem: str):
    cohort = cohort_of(["Benign"] * 2, age_approx=[4, 5], lesion_id=["a", "b"],
                       depth=[1.0, 2.0], sex=["male", "male"])
    with pytest.raises(InputError) as caught:
        find_target(name, cohort)
    assert str(caught.value) == f"column '{name}' cannot be a target: {problem}"


def test_error_no_image_has_a_class():
    cohort = cohort_of(["Indeterminate", "", ""], label=["a", "b", "b"])
    with pytest.raises(InputError) as caught:
        assign_target(MALIGNANCY, cohort)
    assert str(caught.value) == (
        "target 'malignancy' gives no class to any of 3 images (1 Indeterminate, "
        "2 no diagnosis); columns that could be the target: label")
