import numpy as np
import pytest

from lesionlab.auditing import neighbours
from lesionlab.auditing.neighbours import CopyMetric, find_nearest


def make_vectors(num: int, width: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(num, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_others_are_found_and_never_a_row_itself():
    vectors = make_vectors(200)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    found = find_nearest(vectors, 3)
    assert found.tolist() == np.argsort(-cosines, axis=1)[:, :3].tolist()


def test_among_equal_pictures_a_row_still_has_as_many_neighbours():
    found = find_nearest(np.repeat(make_vectors(1), 9, axis=0), 4)
    assert found.shape == (9, 4)
    assert not (found == np.arange(9)[:, None]).any()


def test_the_index_of_many_pictures_finds_what_comparing_all_does(monkeypatch: pytest.MonkeyPatch):
    vectors = make_vectors(2_000)
    vectors[1_000:] = vectors[:1_000] + 0.02
    exact = find_nearest(vectors, 1)
    monkeypatch.setattr(neighbours, "MOST_EXACT", 0)
    monkeypatch.setattr(neighbours, "_PER_CELL", 20)
    assert (find_nearest(vectors, 1) == exact).mean() > 0.97


def test_directions_in_which_alterations_move_pictures_count_for_little():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 10)).astype(np.float32)
    originals = features[:100]
    altered = np.repeat(originals[:, None], 3, axis=1)
    altered[:, :, :2] += rng.normal(size=(100, 3, 2)) * 3
    metric = CopyMetric.learn(features, originals, altered)
    moved = features[200:300].copy()
    moved[:, :2] = rng.normal(size=(100, 2))
    cosines = metric.project(moved) @ metric.project(features).T
    assert (cosines.argmax(axis=1) == np.arange(200, 300)).mean() > 0.95
    assert np.linalg.norm(metric.project(features), axis=1) == pytest.approx(1, abs=1e-5)


def test_two_pictures_have_a_metric_too():
    features = make_vectors(2)
    metric = CopyMetric.learn(features, features, features[:, None])
    assert np.isfinite(metric.project(features)).all()
