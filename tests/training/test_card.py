"""The model card says what the manifest says."""

import copy
from pathlib import Path
from typing import Any

import pytest

from conftest import TrainSmall
from lesionlab.core.licences import explain_licences
from lesionlab.inference.bundle import ModelBundle
from lesionlab.training.card import write_card


@pytest.fixture
def manifest(train_small: TrainSmall) -> dict[str, Any]:
    return copy.deepcopy(ModelBundle.load(train_small("metadata_linear")).manifest)


def read_card(folder: Path, manifest: dict[str, Any]) -> str:
    write_card(folder, manifest, 3e-7)
    return (folder / "MODEL_CARD.md").read_text()


def test_the_card_names_model_data_and_limits(manifest: dict[str, Any], tmp_path: Path) -> None:
    text = read_card(tmp_path, manifest)
    lines = text.splitlines()
    assert lines[0] == "# Model card: metadata_linear for malignancy"
    assert lines[2] == ("**Research use only. Not a medical device; not for diagnosis or for any "
                        "decision about a patient.**")
    assert "- Classes: Benign, Malignant." in lines
    assert ("- Input: age_approx, sex, clin_size_long_diam_mm. Any metadata value may be missing."
            in lines)
    assert "probability 3.0e-07." in text
    assert "Backbone" not in text


def test_the_counts_of_each_role_are_one_table(manifest: dict[str, Any], tmp_path: Path) -> None:
    lines = read_card(tmp_path, manifest).splitlines()
    start = lines.index("| role | images | groups | Benign | Malignant |")
    counts = manifest["training"]
    assert lines[start:start + 5] == [
        "| role | images | groups | Benign | Malignant |", "|---|---|---|---|---|",
        *(f"| {role} | {counts[role]['num_images']} | {counts[role]['num_groups']} | "
          f"{counts[role]['classes']['Benign']} | {counts[role]['classes']['Malignant']} |"
          for role in ("train", "valid", "test"))]


def test_the_backbone_and_its_licence_are_named(manifest: dict[str, Any], tmp_path: Path) -> None:
    manifest["weights"] = {"origin": "file w.pth", "licence": "unknown", "digest": "0"}
    manifest["recipe"]["model"]["backbone"] = "resnet50"
    assert ("- Backbone: resnet50, frozen; first weights from file w.pth (licence unknown)."
            in read_card(tmp_path, manifest).splitlines())


@pytest.mark.parametrize("licence", ["CC-BY-NC", "CC-BY"])
def test_a_licence_without_commerce_is_said(
    licence: str, manifest: dict[str, Any], tmp_path: Path
) -> None:
    manifest["licences"] = {licence: 12}
    manifest["licence_note"] = explain_licences(manifest["licences"])
    text = read_card(tmp_path, manifest)
    assert f"- {licence}: 12 images\n" in text
    assert ("**12 of 12 images are licensed for non-commercial use only; so is a model trained on "
            "them.**\n" in text) == (licence == "CC-BY-NC")


def test_the_bundle_and_its_card_say_who_must_be_named(
    manifest: dict[str, Any], tmp_path: Path
) -> None:
    num_images = sum(manifest["licences"].values())
    assert manifest["licences"] == {"CC-0": num_images}
    assert manifest["attributions"] == {"lesionlab phantom": num_images}
    assert manifest["licence_note"] == ""
    assert ("To be named wherever the images or this model are passed on:\n"
            f"- lesionlab phantom: {num_images} images\n") in read_card(tmp_path, manifest)
