"""A bundle is packed only if it computes what was trained, and read only if it is whole."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from conftest import TrainSmall
from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import BundleError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.heads import DenseHead, Head, Layer, prior_head
from lesionlab.recipes import find_recipe
from lesionlab.training import packing
from lesionlab.training.fit import train
from lesionlab.training.packing import TrainedParts, check_parity, write_bundle
from lesionlab.training.trained import FeatureModel


@pytest.fixture
def parts(prepared: PreparedData) -> TrainedParts:
    recipe = find_recipe("metadata_linear")
    encoder = MetadataEncoder.fit(prepared.rows("train"), recipe.metadata.columns)
    rng = np.random.default_rng(0)
    width = len(encoder.feature_names)
    layer = Layer(rng.normal(size=(width, 2)).astype(np.float32), np.zeros(2, np.float32))
    return TrainedParts(recipe=recipe, encoder=encoder, preprocessing=None, temperature=1.5,
                        model=as_model(DenseHead(members=((layer,),)), width))


def as_model(head: Head, num_metadata: int) -> FeatureModel:
    return FeatureModel(backbone=None, exported=None, head=head, num_metadata=num_metadata)


def perturb(parts: TrainedParts, by: float) -> TrainedParts:
    assert isinstance(parts.model, FeatureModel)
    assert isinstance(parts.model.head, DenseHead)
    (layer,), = parts.model.head.members
    changed = Layer(layer.weight + np.float32([by, 0]), layer.bias)
    model = as_model(DenseHead(members=((changed,),)), parts.model.num_metadata)
    return dataclasses.replace(parts, model=model)


def test_what_was_packed_is_what_was_trained(
    parts: TrainedParts, prepared: PreparedData, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path, parts, prepared)
    assert check_parity(bundle, parts, prepared) <= 1e-6
    tensors = load_file(tmp_path / "weights.safetensors")
    assert set(tensors) == {"head.0.0.weight", "head.0.0.bias"}
    assert MetadataEncoder.from_dict(bundle.manifest["metadata_encoder"]) == parts.encoder


def test_a_head_changed_after_packing_is_refused(
    parts: TrainedParts, prepared: PreparedData, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path, parts, prepared)
    changed = perturb(parts, 0.5)
    rows = prepared.rows("valid").iloc[:packing.PARITY_ROWS]
    differences = np.abs(bundle.run(None, rows)
                         - changed.probabilities(None, changed.encoder.encode(rows))).max(axis=1)
    worst = pd.Series(differences, index=rows.index).sort_values(ascending=False).index
    with pytest.raises(BundleError) as error:
        check_parity(bundle, changed, prepared)
    assert str(error.value) == (
        f"the bundle does not compute what was trained: probabilities differ by up to "
        f"{differences.max():.2g}, allowed is 0.0001, on {list_some(worst)}; "
        "the bundle was not written")


def test_a_small_change_is_allowed_and_a_number_that_is_none_is_not(
    parts: TrainedParts, prepared: PreparedData, tmp_path: Path
) -> None:
    bundle = write_bundle(tmp_path, parts, prepared)
    assert 0 < check_parity(bundle, perturb(parts, 1e-5), prepared) <= 1e-4
    with pytest.raises(BundleError, match=r"differ by up to nan, allowed is 0\.0001"):
        check_parity(bundle, perturb(parts, np.nan), prepared)


def test_a_refused_bundle_leaves_no_run(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PARITY_TOLERANCE", -1)
    with pytest.raises(BundleError, match="the bundle was not written"):
        train(prepared, find_recipe("metadata_linear"), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_described(parts: TrainedParts, prepared: PreparedData, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, parts, prepared)
    assert bundle.manifest["inputs"] == [
        {"name": "age_approx", "dtype": "float32", "shape": ["N"], "missing": "NaN",
         "meaning": "age in years; 85 means 85 or more"},
        {"name": "sex", "dtype": "string", "shape": ["N"], "missing": "", "meaning": "sex"},
        {"name": "clin_size_long_diam_mm", "dtype": "float32", "shape": ["N"], "missing": "NaN",
         "meaning": "longest diameter in mm"}]
    assert (bundle.metadata_columns, bundle.preprocessing) == (parts.encoder.columns, None)


def test_a_class_never_seen_keeps_a_share_in_the_prior() -> None:
    head = prior_head(0, np.array([3, 0]))
    logits = head.logits(np.zeros((1, 0), np.float32))
    np.testing.assert_allclose(np.exp(logits), [[0.875, 0.125]], rtol=1e-6)


@pytest.mark.slow
def test_damage_to_any_file_of_a_real_bundle_is_found(
    train_small: TrainSmall, tmp_path: Path
) -> None:
    whole = train_small("fusion_frozen") / "bundle"
    for path in sorted(whole.iterdir()):
        for damage in ("truncated", "changed", "missing"):
            folder = tmp_path / damage / path.name
            shutil.copytree(whole, folder)
            assert read_problem(folder, path.name, damage) == expected_problem(
                folder / path.name, damage)


def read_problem(folder: Path, name: str, damage: str) -> str:
    path = folder / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:-20] if name != "manifest.json" else content + b" \n ")
    else:
        at = content.index(b"tf_efficientnet") if name == "manifest.json" else len(content) // 2
        content[at] ^= 1
        path.write_bytes(content)
    if (name, damage) == ("manifest.json", "truncated"):
        ModelBundle.load(folder)  # spaces behind it change nothing
        path.write_bytes(content[:-20])
    with pytest.raises(BundleError) as error:
        ModelBundle.load(folder)
    return str(error.value)


def expected_problem(path: Path, damage: str) -> str:
    if path.name != "manifest.json":
        if damage == "missing":
            return f"{path} is missing; copy the bundle again"
        return f"{path} is damaged: its SHA-256 does not match the manifest; copy the bundle again"
    if damage == "missing":
        return (f"{path.parent} is not a bundle: it has no manifest.json; train one with: "
                "lesionlab train DATA --recipe R --out RUN")
    if damage == "changed":
        return (f"{path} is damaged: its content does not match its own digest; "
                "copy the bundle again")
    with pytest.raises(ValueError) as error:
        artifacts.read_json(path)
    return f"{path} is damaged: it is not JSON ({error.value}); copy the bundle again"
