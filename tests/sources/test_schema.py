"""Rows through the official schema."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isic_metadata.anatom_site_hierarchical import AnatomSiteEnum
from isic_metadata.diagnosis_hierarchical import DiagnosisEnum
from isic_metadata.fields import AnatomSiteGeneralEnum, LegacyDxEnum
from isic_metadata.metadata import MetadataBatch, MetadataRow
from pydantic import ValidationError

from lesionlab.core.cohort import Cohort
from lesionlab.core.terms import COLUMNS
from lesionlab.sources import judging, vocabulary
from lesionlab.sources.renaming import DIAGNOSIS_LEVELS, SITE_LEVELS
from lesionlab.sources.schema import KNOWN, OURS, ValidRows, validate_rows

NEVUS = {"diagnosis_1": "Benign", "diagnosis_2": "Benign melanocytic proliferations",
         "diagnosis_3": "Nevus"}
MELANOMA = {"diagnosis_1": "Malignant",
            "diagnosis_2": "Malignant melanocytic proliferations (Melanoma)",
            "diagnosis_3": "Melanoma, NOS"}
LESIONS_OF_PATIENTS = st.lists(
    st.tuples(st.sampled_from(["", "P1", "P2"]), st.sampled_from(["", "L1", "L2", "L3"]),
              st.sampled_from(["", "C1", "C2"]), st.booleans()), min_size=1, max_size=8)


def judge(*rows: dict[str, str]) -> ValidRows:
    frame = pd.DataFrame(rows, dtype=str).fillna("")
    if "isic_id" not in frame:
        frame.insert(0, "isic_id", [f"ISIC_{number}" for number in range(len(frame))])
    return validate_rows(frame)


def adjusted(valid: ValidRows) -> list[tuple[str, ...]]:
    return sorted(valid.adjusted.drop(columns="isic_id").itertuples(index=False, name=None))


def dropped(valid: ValidRows) -> list[tuple[str, ...]]:
    return sorted(valid.dropped.itertuples(index=False, name=None))


def test_every_field_of_the_schema_is_judged_and_every_one_of_ours_is_known():
    judged = {*judging.TERMS, *judging.NUMBERS, *judging.IDS}
    assert judged == set(MetadataRow.model_fields) - {"unstructured"}
    assert set(COLUMNS) <= KNOWN | set(OURS)


@pytest.mark.parametrize(("row", "expected"), [
    ({"age": "45"}, {"age_approx": 45.0}),
    ({"age": "85+"}, {"age_approx": 85.0}),
    ({"age_approx": "85+", "age": "20"}, {"age_approx": 85.0}),
    ({"age_approx": "", "age": "20"}, {"age_approx": 20.0}),
    ({"age_approx": "45.0"}, {"age_approx": 45.0}),
    ({"sex": "FEMALE"}, {"sex": "female"}),
    ({"clin_size_long_diam_mm": "1.2 cm"}, {"clin_size_long_diam_mm": 12.0}),
    ({"family_hx_mm": "True", "personal_hx_mm": "0"},
     {"family_hx_mm": True, "personal_hx_mm": False}),
    ({"benign_malignant": "malignant"}, {"diagnosis_1": "Malignant"}),
    ({"benign_malignant": "indeterminate/benign"}, {"diagnosis_1": "Indeterminate"}),
    ({"diagnosis": "nevus"}, NEVUS),
    ({"diagnosis": "Nevus", "benign_malignant": "benign"}, NEVUS),
    ({"diagnosis": "Benign:Benign melanocytic proliferations:Nevus"}, NEVUS),
    ({**NEVUS, "diagnosis": "seborrheic keratosis", "benign_malignant": "benign"}, NEVUS),
    ({"diagnosis": "other", "benign_malignant": "benign"}, {"diagnosis_1": "Benign"}),
    ({"anatom_site_general": "head/neck"}, {"anatom_site_1": "Head and neck"}),
    ({"anatom_site_general": "Posterior Torso"},
     {"anatom_site_1": "Trunk", "anatom_site_2": "Posterior trunk"}),
    ({"anatom_site_general_challenge": "torso"}, {"anatom_site_1": "Trunk"}),
    ({"anatom_site": "Scalp"},
     {"anatom_site_1": "Head and neck", "anatom_site_2": "Head", "anatom_site_3": "Scalp"}),
    ({"anatom_site_general": "palms/soles"}, {"anatom_site_special": "acral palms or soles"}),
    ({"anatom_site_general": "oral/genital"}, {"anatom_site_special": "oral or genital"}),
    ({"anatom_site_general": "palms/soles", "anatom_site_special": "acral NOS"},
     {"anatom_site_special": "acral NOS"}),
    ({"anatom_site_general": "palms/soles", "anatom_site_1": "Lower extremity"},
     {"anatom_site_1": "Lower extremity"}),
    ({**MELANOMA, "mel_thick_mm": "0.8mm", "mel_ulcer": "true"},
     {**MELANOMA, "mel_thick_mm": 0.8, "mel_ulcer": True}),
    ({"tbp_lv_A": "-1.5e0", "tbp_lv_location": "Left Arm"},
     {"tbp_lv_A": -1.5, "tbp_lv_location": "Left Arm"}),
    ({"pad_grew": "TRUE", "pad_hurt": "false", "skin_tone_class": "5", "skin_tone": "12"},
     {"pad_grew": True, "pad_hurt": False, "skin_tone_class": "5", "skin_tone": "12"}),
    ({"pixels_x": "1024.0", "marker_pen": "false"}, {"pixels_x": 1024.0, "marker_pen": False}),
])
def test_old_and_new_names_arrive_in_one_vocabulary(row, expected):
    valid = judge(row)
    assert valid.rows.iloc[0].drop("isic_id").dropna().to_dict() == expected
    assert valid.dropped.empty
    assert adjusted(valid) == ([("diagnosis", "other", "ambiguous_term")]
                               if row.get("diagnosis") == "other" else [])


@pytest.mark.parametrize(("row", "fault"), [
    ({"age": "-1"}, ("age_approx", "-1", "greater_than_equal")),
    ({"age": "old"}, ("age_approx", "old", "int_parsing")),
    ({"sex": "f"}, ("sex", "f", "literal_error")),
    ({"image_type": "photo"}, ("image_type", "photo", "enum")),
    ({"family_hx_mm": "perhaps"}, ("family_hx_mm", "perhaps", "bool_parsing")),
    ({"clin_size_long_diam_mm": "-3"}, ("clin_size_long_diam_mm", "-3", "out_of_range")),
    ({"clin_size_long_diam_mm": "inf"}, ("clin_size_long_diam_mm", "inf", "finite_number")),
    ({"pixels_x": "0"}, ("pixels_x", "0", "out_of_range")),
    ({"pixels_x": "nan"}, ("pixels_x", "nan", "float_parsing")),
    ({"pixels_x": "inf"}, ("pixels_x", "inf", "out_of_range")),
    ({"pad_itch": "perhaps"}, ("pad_itch", "perhaps", "bool_parsing")),
    ({"skin_tone_class": "6"}, ("skin_tone_class", "6", "enum")),
    ({"tbp_lv_nevi_confidence": "140"}, ("tbp_lv_nevi_confidence", "140", "out_of_range")),
    ({"pixels_x": "wide"}, ("pixels_x", "wide", "float_parsing")),
    ({"anatom_site_1": "Moon"}, ("anatom_site", "Moon", "enum")),
    ({"anatom_site_general": "moon"}, ("anatom_site_general", "moon", "enum")),
    ({"anatom_site_1": "Upper extremity", "anatom_site_special": "toenail"},
     ("anatom_site_special", "toenail", "incompatible_fields")),
    ({"mel_thick_mm": "0.8"}, ("mel_thick_mm", "0.8", "missing_field")),
    ({**NEVUS, "mel_thick_mm": "0.8"}, ("mel_thick_mm", "0.8", "incompatible_fields")),
    ({"concomitant_biopsy": "true"}, ("concomitant_biopsy", "true", "missing_field")),
    ({"rcm_case_id": "C1"}, ("rcm_case_id", "C1", "missing_field")),
    ({"image_type": "clinical: overview", "dermoscopic_type": "contact polarized"},
     ("dermoscopic_type", "contact polarized", "incompatible_fields")),
])
def test_a_value_that_breaks_a_rule_is_set_to_missing_and_counted(row, fault):
    valid = judge(row)
    assert adjusted(valid) == [fault]
    assert pd.isna(valid.rows.get(fault[0], pd.Series([None])).iloc[0])
    assert len(valid.rows) == 1


def test_an_age_above_85_is_clamped_and_counted():
    valid = judge({"age": "93"})
    assert valid.rows["age_approx"].tolist() == [85.0]
    assert adjusted(valid) == [("age_approx", "93", "above_85")]


def test_a_faulty_label_drops_the_row():
    valid = judge({"diagnosis": "gout"}, {**NEVUS, "benign_malignant": "malignant"},
                  {"diagnosis_1": "Benign", "diagnosis_3": "Nevus"}, NEVUS)
    assert dropped(valid) == [
        ("ISIC_0", "invalid_diagnosis", "gout"),
        ("ISIC_1", "conflicting_diagnosis", "one column says benign, another malignant"),
        ("ISIC_2", "invalid_diagnosis", "Benign::Nevus"),
    ]
    assert valid.rows["isic_id"].tolist() == ["ISIC_3"]


def test_a_lesion_of_two_patients_drops_its_rows():
    valid = judge({"lesion_id": "L1", "patient_id": "P1"}, {"lesion_id": "L1", "patient_id": "P2"},
                  {"lesion_id": "L2", "patient_id": "P2"}, {"lesion_id": "L1", "patient_id": ""})
    assert dropped(valid) == [(f"ISIC_{number}", "one_lesion_multiple_patients", "lesion L1")
                              for number in (0, 1, 3)]


@settings(deadline=None, max_examples=20)
@given(LESIONS_OF_PATIENTS)
def test_rows_that_are_kept_pass_the_official_batch(links):
    valid = judge(*({"patient_id": patient, "lesion_id": lesion, "rcm_case_id": case,
                     "image_type": "RCM: macroscopic" if is_macroscopic else "RCM: tile"}
                    for patient, lesion, case, is_macroscopic in links)).rows
    items = [{name: text for name, text in row.items() if pd.notna(text)}
             for row in valid[["patient_id", "lesion_id", "rcm_case_id", "image_type"]]
             .to_dict("records")]
    MetadataBatch(items=[MetadataRow(**item) for item in items])


def test_unknown_columns_stay_as_the_users_own_and_are_listed():
    valid = judge({"ruler": "20.2", "target": "1", "sex": "male", "unstructured": "x"})
    assert valid.own_columns == ("ruler", "target_given", "unstructured")
    assert valid.rows[list(valid.own_columns)].iloc[0].tolist() == ["20.2", "1", "x"]


def test_every_old_term_has_a_place_in_the_schema():
    paths = {member.value for member in DiagnosisEnum} | {""}
    sites = {member.value for member in AnatomSiteEnum} | {""}
    assert {term.value.lower() for term in LegacyDxEnum} == vocabulary.DIAGNOSES.keys()
    assert {*vocabulary.DIAGNOSES.values(), *vocabulary.HAM_DIAGNOSES.values()} <= paths
    assert {term.value for term in AnatomSiteGeneralEnum} | {"torso"} == set(
        vocabulary.GENERAL_SITES)
    assert {*vocabulary.GENERAL_SITES.values(),
            *(site for site, _ in vocabulary.HAM_SITES.values())} <= sites


def test_levels_and_whole_paths_give_the_same_row():
    terms = [(DIAGNOSIS_LEVELS, "diagnosis", term.value) for term in DiagnosisEnum]
    terms += [(SITE_LEVELS, "anatom_site", term.value) for term in AnatomSiteEnum]
    new = [dict(zip(levels, path.split(":"), strict=False)) for levels, _, path in terms]
    old = [{field: path} for _, field, path in terms]
    from_new, from_old = judge(*new), judge(*old)
    pd.testing.assert_frame_equal(from_new.rows, from_old.rows)
    assert [row.dropna().to_dict() for _, row in
            from_new.rows[[*DIAGNOSIS_LEVELS, *SITE_LEVELS]].iterrows()] == new
    assert from_new.dropped.empty and from_new.adjusted.empty


@settings(deadline=None, max_examples=25)
@given(st.lists(st.dictionaries(
    st.sampled_from(sorted(KNOWN - {"isic_id"})),
    st.sampled_from(["Nevus", "Melanoma, NOS", "1", "-1", "85+", "true", "male", "x", "Trunk",
                     "dermoscopic", "toenail", "palms/soles", "histopathology", "mel", "1 cm"])),
    min_size=1, max_size=4))
def test_any_text_gives_rows_that_a_cohort_accepts_and_none_is_lost(rows):
    frame = [{"isic_id": f"I{number}", **row} for number, row in enumerate(rows)]
    valid = judge(*frame)
    assert len(valid.rows) + len(valid.dropped) == len(frame)
    if len(valid.rows):
        assert len(Cohort.from_frame(valid.rows)) == len(valid.rows)


def test_a_pattern_of_values_is_judged_just_once(monkeypatch):
    judged = []
    monkeypatch.setattr(judging, "MetadataRow",
                        lambda **values: judged.append(values) or MetadataRow(**values))
    judge(*[{**NEVUS, "sex": "male", "age": "45"}] * 1000)
    assert judged.count({"age": "45"}) == 1
    assert len(judged) == 2


def test_the_schema_sees_no_more_rows_of_a_larger_table(monkeypatch):
    judged = []
    monkeypatch.setattr(judging, "MetadataRow",
                        lambda **values: judged.append(values) or MetadataRow(**values))
    numbers, valid = [], []
    for size in (60, 6_000):
        rows = pd.DataFrame({
            "isic_id": [f"ISIC_{number}" for number in range(size)], **NEVUS,
            "sex": ["male", "female", ""] * (size // 3), "age": ["45", "50"] * (size // 2),
            # Every other lesion has two patients; cases have several images, some two lesions.
            "patient_id": [f"P{number // 4}" for number in range(size)],
            "lesion_id": [f"L{number // 3}" for number in range(size)],
            "rcm_case_id": [f"C{number // 4}" for number in range(size)],
            "image_type": "RCM: macroscopic"})
        valid.append(validate_rows(rows))
        numbers.append(len(judged))
        judged.clear()
    assert numbers[0] == numbers[1] < 60
    dropped_shares = [len(found.dropped) / size for found, size in zip(valid, (60, 6_000),
                                                                       strict=True)]
    assert dropped_shares[0] == dropped_shares[1] > 0
    assert set(valid[1].adjusted["reason"]) == {"rcm_multiple_macroscopics"}


def test_the_schema_itself_would_refuse_a_new_style_export():
    with pytest.raises(ValidationError, match="requires setting anatom_site_general"):
        MetadataRow(anatom_site="Lower extremity:Foot", anatom_site_special="acral NOS")
    assert judge({"anatom_site_1": "Lower extremity", "anatom_site_2": "Foot",
                  "anatom_site_special": "acral NOS"}).adjusted.empty
