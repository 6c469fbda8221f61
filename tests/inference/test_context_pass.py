"""A bundle with a second pass sets an image beside its patient's others; no other bundle does."""

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from factories import clean_frame, make_prepared
from lesionlab.core.errors import BundleError
from lesionlab.inference.bundle import ModelBundle, seal_manifest
from lesionlab.inference.context_pass import read_patients
from lesionlab.inference.predicting import predict, predict_role, run_bundle

MANIFEST = {
    "format_version": 1, "lesionlab_version": "0.1.0", "classes": ["Benign", "Malignant"],
    "preprocessing": None, "inputs": [{"name": "age_approx"}, {"name": "clin_size_long_diam_mm"}],
    "thresholds": {"Malignant": {"max_youden": 0.5}},
}
CONTEXT = {"scores": ["malignant"], "measures": ["clin_size_long_diam_mm"]}
NO_METADATA = "age_approx, clin_size_long_diam_mm and treats what is missing as unknown"


def write_onnx(
    path: Path, nodes: list[onnx.NodeProto], inputs: dict[str, int], outputs: dict[str, int]
) -> None:
    """A graph of float32 columns; `inputs` and `outputs` with their width, 0 for (N,)."""
    def declare(names: dict[str, int]) -> list[onnx.ValueInfoProto]:
        shapes = {name: ["N", width] if width else ["N"] for name, width in names.items()}
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in shapes.items()]

    constants = [helper.make_tensor(name, kind, shape, values) for name, kind, shape, values in (
        ("hundred", TensorProto.FLOAT, [], [100.0]), ("one", TensorProto.FLOAT, [], [1.0]),
        ("axis", TensorProto.INT64, [1], [1]), ("rank", TensorProto.INT64, [1], [1]))]
    graph = helper.make_graph(nodes, "graph", declare(inputs), declare(outputs), constants)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


TO_PROBABILITIES = [helper.make_node("Sub", ["one", "p"], ["q"]),
                    helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1)]
COLUMNS = {"age_approx": 0, "clin_size_long_diam_mm": 0}


def write_bundle(folder: Path, *, has_context: bool = True) -> ModelBundle:
    """First pass: p is age / 100, which is also the score. Second pass: p is the score's rank."""
    folder.mkdir()
    score = [helper.make_node("Div", ["age_approx", "hundred"], ["share"]),
             helper.make_node("Unsqueeze", ["share", "axis"], ["p"])]
    outputs = {"probabilities": 2}
    if has_context:
        score.append(helper.make_node("Identity", ["p"], ["scores"]))
        outputs["scores"] = 1
        write_onnx(folder / "context.onnx",
                   [helper.make_node("Gather", ["context", "rank"], ["p"], axis=1),
                    *TO_PROBABILITIES],
                   COLUMNS | {"scores": 1, "context": 6}, {"probabilities": 2})
    write_onnx(folder / "model.onnx", [*score, *TO_PROBABILITIES], COLUMNS, outputs)
    seal_manifest(folder, MANIFEST | ({"context": CONTEXT} if has_context else {}))
    return ModelBundle.load(folder)


@pytest.fixture
def bundle(tmp_path: Path) -> ModelBundle:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Files that the bundle needs the names of only."""
    paths = [tmp_path / f"{name}.jpg" for name in "abcd"]
    for path in paths:
        path.touch()
    return paths


def write_table(path: Path, **columns: list) -> Path:
    pd.DataFrame({"isic_id": [*"dcba"]} | columns).to_csv(path, index=False)
    return path


def test_images_of_a_patient_are_compared_and_others_keep_their_prediction(
    bundle: ModelBundle, photos: list[Path], tmp_path: Path
) -> None:
    table = write_table(tmp_path / "t.csv", age_approx=[40, 30, 20, 10],
                        clin_size_long_diam_mm=[1, 2, 3, 4], patient_id=["", "P", "P", "P"])
    found = predict(bundle, photos, metadata=table)
    assert found.table["isic_id"].tolist() == [*"abcd"]
    np.testing.assert_allclose(found.table["p_Malignant"], [1 / 3, 2 / 3, 1, 0.4], rtol=1e-6)
    assert found.table["predicted"].tolist() == ["Benign", "Malignant", "Malignant", "Benign"]
    assert found.notes == (
        ("3 of 4 images were compared with others of their patient; what is predicted for them "
         "depends on which of these are given together"),)


def test_one_image_works_alone(bundle: ModelBundle, photos: list[Path], tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", age_approx=[40, 30, 20, 10])
    found = predict(bundle, photos[:1], metadata=table)
    assert found.table["p_Malignant"].tolist() == [np.float32(0.1)]
    assert found.notes[-1] == (
        "the model also compares a patient's images with each other, and the patient of no image "
        "is known; for that, give a metadata table with patient_id")
    assert predict(bundle, photos[:1]).notes == (
        ("1 of 1 images have no metadata and 0 have it in part; the model reads " + NO_METADATA),
        found.notes[-1])


def test_a_bundle_without_a_second_pass_leaves_patients_aside(
    photos: list[Path], tmp_path: Path
) -> None:
    plain = write_bundle(tmp_path / "plain", has_context=False)
    table = write_table(tmp_path / "t.csv", age_approx=[40, 30, 20, 10],
                        clin_size_long_diam_mm=[1, 2, 3, 4], patient_id=["P"] * 4)
    found = predict(plain, photos, metadata=table)
    np.testing.assert_allclose(found.table["p_Malignant"], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    assert found.notes == ()


def test_the_same_image_twice_is_predicted_twice(
    bundle: ModelBundle, photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "a.jpg"
    again.touch()
    table = write_table(tmp_path / "t.csv", age_approx=[40, 30, 20, 10],
                        patient_id=["P"] * 4)
    found = predict(bundle, [*photos, again], metadata=table)
    np.testing.assert_allclose(found.table["p_Malignant"], [0.3, 0.6, 0.8, 1, 0.3], rtol=1e-6)


def test_a_role_is_compared_within_its_patients(bundle: ModelBundle, tmp_path: Path) -> None:
    frame = clean_frame(60)
    frame["age_approx"] = np.arange(60.0)
    frame["patient_id"] = [f"{role}{number // 30}" for number, role in enumerate(frame["role"])]
    frame["group_id"] = frame["patient_id"]
    data = make_prepared(tmp_path / "data", frame)
    found = predict_role(bundle, data, "valid")
    rows = frame[frame["role"] == "valid"]
    expected = rows.groupby("patient_id")["age_approx"].rank(pct=True)
    by_id = pd.Series(found.probabilities[:, 1], index=found.table["isic_id"].to_pylist())
    np.testing.assert_allclose(by_id.loc[expected.index], expected, rtol=1e-6)


def test_an_image_without_a_score_counts_for_nobody(bundle: ModelBundle) -> None:
    rows = pd.DataFrame({"age_approx": [10.0, np.nan, 30.0], "patient_id": ["P"] * 3},
                        index=[*"abc"])
    found, _ = run_bundle(bundle, [bytes] * 3, rows)
    np.testing.assert_allclose(found[:, 1], [0.5, np.nan, 1])


def test_patients_are_read_by_id(tmp_path: Path) -> None:
    table = pd.DataFrame({"isic_id": ["a.jpg", "b", "c"], "patient_id": [" P1", "unknown", "007"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert read_patients(tmp_path / "t.csv").to_dict() == {"a": "P1", "b": "", "c": "007"}
    table[["isic_id"]].to_csv(tmp_path / "t.csv", index=False)
    assert read_patients(tmp_path / "t.csv").empty


def test_a_second_graph_that_does_not_load_is_said(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle").folder
    (folder / "context.onnx").write_bytes(b"graph")
    seal_manifest(folder, MANIFEST | {"context": CONTEXT})
    rows = pd.DataFrame({"age_approx": [10.0, 20.0], "patient_id": ["P", "P"]}, index=[*"ab"])
    with pytest.raises(BundleError, match=r"context\.onnx does not load in onnxruntime "):
        run_bundle(ModelBundle.load(folder), [bytes] * 2, rows)
