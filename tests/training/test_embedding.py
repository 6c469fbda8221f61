"""A feature is computed once, and found by everything that it depends on."""

import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lesionlab.core.errors import StoreError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.store import ImageStore, write_shard
from lesionlab.imaging.decoding import decode_rgb
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.views import draw_view
from lesionlab.training import embedding
from lesionlab.training.embedding import Embedder, FeatureViews, default_cache

VIEWS = FeatureViews(preprocessing=Preprocessing(size_px=32, decode_side=64), seed=0)


def mean_colour_graph() -> bytes:
    """ONNX of a backbone of three features: the mean of each channel."""
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
             helper.make_node("ReduceMean", ["float", "axes"], ["features"], keepdims=0)]
    graph = helper.make_graph(
        nodes, "mean_colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 32, 32, 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


@pytest.fixture
def embedder(tmp_path: Path) -> Embedder:
    return Embedder(graph=mean_colour_graph(), key="mean_colour", views=VIEWS, cache=tmp_path)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Every (view, id) that is computed."""
    items: list[tuple[int, str]] = []
    compute = Embedder._compute
    monkeypatch.setattr(Embedder, "_compute", lambda self, store, keys, missing: (
        items.extend(missing), compute(self, store, keys, missing)))
    return items


@pytest.fixture
def ids(prepared: PreparedData) -> list[str]:
    return list(map(str, prepared.store.ids[:20]))


def test_features_are_those_of_each_view(
    embedder: Embedder, prepared: PreparedData, ids: list[str]
) -> None:
    found = embedder.embed(prepared.store, ids, 3)
    assert (found.shape, found.dtype) == ((20, 3, 3), np.float32)
    keys = prepared.store.column("stored_sha256")
    for n, isic_id in enumerate(ids):
        rgb = decode_rgb(prepared.store.read(isic_id))
        for view in range(3):
            square = draw_view(rgb, view, preprocessing=VIEWS.preprocessing, seed=0,
                               image_key=str(keys[isic_id]))
            np.testing.assert_allclose(found[n, view], square.mean((0, 1)), rtol=1e-3)


def test_features_do_not_depend_on_order_or_neighbours(
    embedder: Embedder, prepared: PreparedData, ids: list[str], tmp_path: Path
) -> None:
    forward = embedder.embed(prepared.store, ids, 2)
    other = dataclasses.replace(embedder, cache=tmp_path / "other")
    for isic_id in ids[:3]:
        other.embed(prepared.store, [isic_id], 1)
    np.testing.assert_array_equal(other.embed(prepared.store, ids[::-1], 2), forward[::-1])
    np.testing.assert_array_equal(embedder.embed(prepared.store, ids[::-1], 2), forward[::-1])


def test_what_is_known_is_not_computed_again(
    embedder: Embedder, prepared: PreparedData, ids: list[str], computed: list,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = embedder.embed(prepared.store, ids, 2)
    assert len(computed) == 40
    monkeypatch.delattr(embedding, "open_session")
    np.testing.assert_array_equal(embedder.embed(prepared.store, ids, 2), first)
    np.testing.assert_array_equal(embedder.embed(prepared.store, ids[5:9], 1), first[5:9, :1])


def test_more_views_compute_the_new_ones_alone(
    embedder: Embedder, prepared: PreparedData, ids: list[str], computed: list
) -> None:
    embedder.embed(prepared.store, ids, 1)
    computed.clear()
    embedder.embed(prepared.store, ids, 3)
    assert sorted(computed) == [(view, isic_id) for view in (1, 2) for isic_id in sorted(ids)]


def test_another_image_computes_that_image_alone(
    embedder: Embedder, prepared: PreparedData, ids: list[str], computed: list
) -> None:
    embedder.embed(prepared.store, ids[:-1], 1)
    computed.clear()
    embedder.embed(prepared.store, ids, 1)
    assert computed == [(0, ids[-1])]


def test_the_same_bytes_under_another_id_are_known(
    embedder: Embedder, prepared: PreparedData, ids: list[str], computed: list, tmp_path: Path
) -> None:
    first = embedder.embed(prepared.store, ids[:1], 1)
    computed.clear()
    table = prepared.store._table
    row = table.slice(list(prepared.store.ids).index(ids[0]), 1).to_pylist()[0]
    write_shard(tmp_path / "images" / "000000.arrow", [row | {"isic_id": "renamed"}])
    renamed = ImageStore(folder=tmp_path / "images")
    np.testing.assert_array_equal(embedder.embed(renamed, ["renamed"], 1), first)
    assert computed == []


@pytest.mark.parametrize(("change", "num_views"), [
    ({"key": "other weights"}, 2),
    ({"views": dataclasses.replace(
        VIEWS, preprocessing=Preprocessing(size_px=32, decode_side=48))}, 2),
    ({"views": dataclasses.replace(VIEWS, seed=1)}, 1),  # the plain view has no draw in it
])
def test_what_a_feature_depends_on_is_in_its_address(
    change: dict, num_views: int, embedder: Embedder, prepared: PreparedData, ids: list[str],
    computed: list,
) -> None:
    embedder.embed(prepared.store, ids, 2)
    computed.clear()
    dataclasses.replace(embedder, **change).embed(prepared.store, ids, 2)
    assert len(computed) == num_views * len(ids)


def test_a_damaged_file_is_computed_again(
    embedder: Embedder, prepared: PreparedData, ids: list[str], computed: list,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(embedding, "SHARD_BATCHES", 1)
    first = embedder.embed(prepared.store, ids, 1)
    path = sorted(embedder.folder(0).iterdir())[0]
    path.write_bytes(path.read_bytes()[:-40])
    computed.clear()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(embedder.embed(prepared.store, ids, 1), first)
    assert 0 < len(computed) <= embedding.BATCH_SIZE
    assert caplog.messages == [
        f"{path} was damaged and is removed from the cache; its content is computed again"]
    assert path.is_file()


def test_writers_side_by_side_do_no_harm(
    embedder: Embedder, prepared: PreparedData, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "SHARD_BATCHES", 1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: embedder.embed(prepared.store, ids[k:], 2), range(4)))
    whole = embedder.embed(prepared.store, ids, 2)
    for k, features in enumerate(found):
        np.testing.assert_array_equal(features, whole[k:])
    assert list(embedder.cache.rglob(".*")) == []


def test_a_stored_image_that_does_not_decode_is_said(
    embedder: Embedder, prepared: PreparedData, tmp_path: Path
) -> None:
    row = prepared.store._table.slice(0, 1).to_pylist()[0]
    write_shard(tmp_path / "images" / "000000.arrow", [row | {"image": b"no picture"}])
    with pytest.raises(StoreError) as error:
        embedder.embed(ImageStore(folder=tmp_path / "images"), [row["isic_id"]], 1)
    assert str(error.value) == (
        f"{tmp_path / 'images'}: the image {row['isic_id']} does not decode "
        f"({error.value.__cause__}); prepare the data again")


def test_the_default_cache_is_the_users() -> None:
    assert default_cache().name == "lesionlab"


def test_the_graph_is_sound() -> None:
    onnx.checker.check_model(onnx.load_model_from_string(mean_colour_graph()))
