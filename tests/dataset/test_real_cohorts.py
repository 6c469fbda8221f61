"""On both real folders no lesion or patient crosses a split, and counts are as known."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from lesionlab.core.cohort import Cohort
from lesionlab.core.split import ROLES
from lesionlab.dataset.building import prepare
from lesionlab.dataset.description import describe
from lesionlab.dataset.grouping import LINK_COLUMNS, link_groups
from lesionlab.dataset.licensing import select_licences
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.splitting import draw_roles, make_split, name_strata, parse_shares
from lesionlab.sources.reading import read_sources
from lesionlab.targets import ISIC2018, MALIGNANCY, Target, assign_target

SHARES = parse_shares("70/10/20")
SEEDS = range(50)


@cache
def read_classed(target: str, *folders: Path) -> tuple[Cohort, pd.Series]:
    """The images that have a class, and that class."""
    cohort = read_sources(folders).cohort
    named: dict[str, Target] = {"malignancy": MALIGNANCY, "isic2018": ISIC2018}
    classes = assign_target(named[target], cohort)[0].dropna()
    return cohort.select(classes.index), classes


def check_seeds(target: str, *folders: Path) -> None:
    cohort, classes = read_classed(target, *folders)
    frame = cohort.frame
    groups = link_groups(frame, [])
    strata = name_strata(classes.astype(str), frame.get("source"))
    links = frame[[name for name in LINK_COLUMNS if name in frame]].assign(group_id=groups)
    for seed in SEEDS:
        roles = draw_roles(groups, strata, SHARES, seed)
        for name in links:
            sides = roles.groupby(links[name]).nunique()
            assert sides.max() == 1, (seed, name)
        shares = pd.crosstab(classes, roles, normalize="index")
        for role in ROLES:
            assert (shares[role] - SHARES[role]).abs().max() < 0.05, (seed, role)
    split = make_split(cohort, groups, roles, seed=seed, group_key="test")
    assert len(split) == len(cohort)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["malignancy", "isic2018"])
def test_no_lesion_of_ham10000_crosses_the_split_for_50_seeds(ham10000: Path, target: str) -> None:
    check_seeds(target, ham10000)


@pytest.mark.slow
def test_no_patient_or_lesion_of_acral_crosses_the_split_for_50_seeds(acral: Path) -> None:
    check_seeds("malignancy", acral)


@pytest.mark.slow
def test_no_patient_or_lesion_of_both_crosses_the_split_for_50_seeds(
    ham10000: Path, acral: Path
) -> None:
    check_seeds("malignancy", ham10000, acral)


@pytest.mark.slow
def test_both_folders_have_the_classes_and_groups_that_are_known(
    ham10000: Path, acral: Path
) -> None:
    cohort, classes = read_classed("malignancy", ham10000, acral)
    assert len(cohort) == 10_015 - 130 + 1_019
    assert classes.value_counts().to_dict() == {"Benign": 8_061 + 870, "Malignant": 1_824 + 149}
    frame = cohort.frame
    assert frame["patient_id"].nunique() == 409
    from_ham = frame["locator"].str.startswith("ham10000/")
    assert frame[from_ham]["lesion_id"].nunique() == 7_382
    assert frame[from_ham]["patient_id"].isna().all()
    assert link_groups(frame[from_ham], []).nunique() == 7_382


@pytest.fixture(scope="module")
def prepared(acral: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepare([acral], tmp_path_factory.mktemp("acral") / "data")


@pytest.mark.slow
def test_acral_is_prepared_whole(prepared: PreparedData) -> None:
    counts = prepared.manifest["counts"]
    assert counts["num_images"] == counts["num_rows_read"] == len(prepared.store) == 1_019
    assert counts["classes"] == {"Benign": 870, "Malignant": 149}
    assert counts["num_patients"] == 409
    assert prepared.manifest["dropped"] == prepared.manifest["adjusted"] == []
    assert prepared.manifest["licences"] == {"CC-BY": 1_006, "CC-0": 13}
    assert sum(prepared.manifest["attributions"].values()) == 1_019
    assert prepared.store.decode(prepared.cohort.ids[0]).shape[2] == 3


@pytest.mark.slow
def test_acrals_near_duplicates_join_patients_and_are_noted(prepared: PreparedData) -> None:
    noted = pd.DataFrame(prepared.manifest["duplicates"])
    assert noted["kind"].eq("near").all()
    groups = prepared.split.frame["group_id"]
    assert (noted["isic_id"].map(groups) == noted["copy_of"].map(groups)).all()
    patients = prepared.cohort.frame["patient_id"]
    shared = noted[noted["of_two_patients"]]
    joined = {frozenset((patients[row.isic_id], patients[row.copy_of]))
              for row in shared.itertuples()}
    assert frozenset(("IP_6362157", "IP_6781264")) in joined
    assert len(shared) == prepared.manifest["counts"]["duplicate_pairs_of_two_patients"] == 3


@pytest.mark.slow
def test_no_group_of_acral_with_its_copies_crosses_the_split_for_50_seeds(
    prepared: PreparedData
) -> None:
    frame = prepared.frame
    strata = name_strata(frame["target"], frame["source"])
    for seed in SEEDS:
        roles = draw_roles(frame["group_id"], strata, SHARES, seed)
        for name in ("patient_id", "lesion_id", "group_id"):
            assert roles.groupby(frame[name]).nunique().max() == 1


@pytest.fixture(scope="module")
def both(ham10000: Path, acral: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepare([ham10000, acral], tmp_path_factory.mktemp("both") / "data")


@pytest.mark.slow
def test_both_folders_are_prepared_as_one_cohort(both: PreparedData) -> None:
    counts = both.manifest["counts"]
    assert counts["num_rows_read"] == 10_015 + 1_019
    assert counts["dropped_by_target"] == {"Indeterminate": 130}
    assert counts["dropped_by_source"] == counts["rejected_images"] == {}
    assert counts["num_images"] == len(both.store) == 10_904
    assert counts["classes"] == {"Benign": 8_931, "Malignant": 1_973}
    assert counts["num_patients"] == 409
    assert [(source["name"], source["layout"], source["licences"])
            for source in both.manifest["sources"]] == [
        ("ham10000", "ham10000", {"CC-BY-NC": 10_015}),
        ("acral", "isic-client", {"CC-0": 13, "CC-BY": 1_006})]


@pytest.mark.slow
def test_licences_and_attributions_of_both_folders_are_kept(both: PreparedData) -> None:
    assert both.licences == {"CC-BY-NC": 9_885, "CC-BY": 1_006, "CC-0": 13}
    assert both.attributions == {
        "ViDIR Group, Department of Dermatology, Medical University of Vienna": 9_885,
        "Imperial College London": 896, "Memorial Sloan Kettering Cancer Center": 79,
        "Hospital Italiano de Buenos Aires": 22,
        ("The University of Queensland Diamantina Institute, The University of Queensland, "
         "Dermatology Research Centre"): 15,
        "Anonymous": 7}
    assert describe(both)[-1] == (
        "9,885 of 10,904 images are licensed for non-commercial use only; so is a model trained "
        "on them.")


@pytest.mark.slow
def test_no_group_of_both_folders_mixes_them_or_crosses_the_split(both: PreparedData) -> None:
    frame = both.frame
    is_ham = frame["locator"].str.startswith("ham10000/")
    assert is_ham.groupby(frame["group_id"]).nunique().max() == 1
    for name in ("patient_id", "lesion_id"):
        assert frame.groupby(name)["group_id"].nunique().max() == 1
    for name in ("patient_id", "lesion_id", "group_id"):
        assert frame.groupby(name)["role"].nunique().max() == 1
    # 7,382 lesions of HAM10000, two of them of one picture; the patients of acral, likewise.
    assert frame[is_ham]["group_id"].nunique() == 7_381
    assert frame[~is_ham]["group_id"].nunique() == 425
    assert both.manifest["counts"]["num_groups"] == frame["group_id"].nunique() == 7_806


@pytest.mark.slow
def test_only_open_images_of_both_folders_can_be_taken(ham10000: Path, acral: Path) -> None:
    source = select_licences(read_sources([ham10000, acral]), ["CC-0", "CC BY 4.0"])
    assert len(source.cohort) == 1_019
    assert source.dropped["reason"].value_counts().to_dict() == {"licence": 10_015}
    assert [info.licences for info in source.sources] == [{}, {"CC-0": 13, "CC-BY": 1_006}]
