"""A bundle opens only if every file is the one that was packed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lesionlab.core import artifacts
from lesionlab.core.errors import BundleError
from lesionlab.inference.bundle import ModelBundle, raw_values, seal_manifest

MANIFEST = {
    "format_version": 1, "lesionlab_version": "0.1.0", "classes": ["Benign", "Malignant"],
    "preprocessing": {"size_px": 224, "decode_side": 256},
    "inputs": [{"name": "image"}, {"name": "sex"}],
    "thresholds": {"Malignant": {"max_youden": 0.25}}, "levels": {10: "ten", 9: "nine"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "MODEL_CARD.md").write_text("card")
    seal_manifest(tmp_path, MANIFEST)
    return tmp_path


def read_problem(folder: Path) -> str:
    with pytest.raises(BundleError) as error:
        ModelBundle.load(folder)
    return str(error.value)


def test_a_sealed_bundle_opens(folder: Path) -> None:
    bundle = ModelBundle.load(folder)
    assert (bundle.classes, bundle.decision.threshold) == (("Benign", "Malignant"), 0.25)
    assert bundle.metadata_columns == ("sex",)
    assert bundle.preprocessing is not None
    assert bundle.preprocessing.size_px == 224
    assert bundle.digest == json.loads((folder / "manifest.json").read_text())["digest"]


def test_a_run_opens_as_its_bundle(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    run = tmp_path_factory.mktemp("run")
    folder.rename(run / "bundle")
    assert ModelBundle.load(run).folder == run / "bundle"


def test_sealing_again_gives_the_same_digest(folder: Path) -> None:
    first = artifacts.read_json(folder / "manifest.json")
    assert seal_manifest(folder, first) == first
    (folder / "MODEL_CARD.md").write_text("a longer card")
    assert seal_manifest(folder, first)["digest"] != first["digest"]
    ModelBundle.load(folder)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    assert read_problem(tmp_path) == (
        f"{tmp_path} is not a bundle: it has no manifest.json; "
        "train one with: lesionlab train DATA --recipe R --out RUN")


@pytest.mark.parametrize("name", ["model.onnx", "MODEL_CARD.md"])
def test_a_changed_or_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"grape")
    assert read_problem(folder) == (f"{folder / name} is damaged: its SHA-256 does not match the "
                                    "manifest; copy the bundle again")
    (folder / name).unlink()
    assert read_problem(folder) == f"{folder / name} is missing; copy the bundle again"


@pytest.mark.parametrize(("text", "problem"), [
    ("{", ("is damaged: it is not JSON (Expecting property name enclosed in double quotes: "
          "line 1 column 2 (char 1)); copy the bundle again")),
    ("[]", "is damaged: it has no format version; copy the bundle again"),
    ('{"format_version": 3, "lesionlab_version": "9.1"}',
     ("has format 3, made by lesionlab 9.1; this version reads up to 2: "
     "pip install --upgrade lesionlab")),
    ('{"format_version": 1}',
     "is damaged: its content does not match its own digest; copy the bundle again"),
])
def test_another_manifest_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "manifest.json").write_text(text)
    assert read_problem(folder) == f"{folder / 'manifest.json'} {problem}"


def test_an_edited_threshold_is_found(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("0.25", "0.52"))
    assert read_problem(folder) == (f"{path} is damaged: its content does not match its own "
                                    "digest; copy the bundle again")


def test_a_graph_that_does_not_load_is_said(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.onnx does not load in onnxruntime "):
        ModelBundle.load(folder).run(np.zeros((1, 224, 224, 3), np.uint8), pd.DataFrame(index=[0]))


def test_the_graph_is_given_numbers_with_nan_and_text_with_empty() -> None:
    frame = pd.DataFrame({"age_approx": [40, None, np.inf], "sex": ["male", None, "x"],
                          "personal_hx_mm": pd.array([True, None, False], "boolean")})
    np.testing.assert_array_equal(raw_values(frame, "age_approx"),
                                  np.array([40, np.nan, np.nan], np.float32))
    assert raw_values(frame, "sex").tolist() == ["male", "", "x"]
    assert raw_values(frame, "personal_hx_mm").tolist() == ["true", "", "false"]
    assert raw_values(frame, "family_hx_mm").tolist() == ["", "", ""]
    assert np.isnan(raw_values(frame, "clin_size_long_diam_mm")).all()
