from pathlib import Path

import pandas as pd
import pytest

from factories import clean_frame, make_prepared
from lesionlab.auditing import measured
from lesionlab.auditing.measured import measure_store
from lesionlab.dataset.store import ImageStore
from lesionlab.imaging.measures import MEASURES, measure_picture
from lesionlab.scaling.executors import LocalExecutor

HERE = LocalExecutor(num_workers=1)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return make_prepared(tmp_path / "data", clean_frame(30)).store


def refuse(rgb):
    raise AssertionError("measured again")


def test_every_stored_picture_has_its_own_measures(store: ImageStore, tmp_path: Path):
    found = measure_store(store, tmp_path / "cache", executor=HERE)
    assert list(found) == list(MEASURES)
    assert (found.index == store.ids).all()
    assert found.index.name == "isic_id"
    assert found.loc["ISIC_0000007"].to_dict() == measure_picture(store.decode("ISIC_0000007"))


def test_what_is_kept_is_not_measured_again(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = measure_store(store, tmp_path / "cache", executor=HERE)
    monkeypatch.setattr(measured, "measure_picture", refuse)
    pd.testing.assert_frame_equal(measure_store(store, tmp_path / "cache", executor=HERE), found)


def test_another_version_is_measured_anew(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measure_store(store, tmp_path / "cache", executor=HERE)
    monkeypatch.setattr(measured, "MEASURES_VERSION", -1)
    monkeypatch.setattr(measured, "measure_picture", refuse)
    with pytest.raises(AssertionError, match="measured again"):
        measure_store(store, tmp_path / "cache", executor=HERE)


def test_only_what_is_missing_is_measured(store: ImageStore, tmp_path: Path, monkeypatch):
    measure_store(store, tmp_path / "cache", executor=HERE)
    seen = []
    larger = make_prepared(tmp_path / "larger", clean_frame(33)).store
    monkeypatch.setattr(measured, "measure_picture",
                        lambda rgb: seen.append(rgb.shape) or measure_picture(rgb))
    assert len(measure_store(larger, tmp_path / "cache", executor=HERE)) == 33
    assert seen == [(16, 24, 3)] * 3


def test_a_damaged_file_of_the_cache_is_made_again(store: ImageStore, tmp_path: Path):
    found = measure_store(store, tmp_path / "cache", executor=HERE)
    [kept] = (tmp_path / "cache").rglob("*.parquet")
    content = kept.read_bytes()
    kept.write_bytes(content[:-100])
    pd.testing.assert_frame_equal(measure_store(store, tmp_path / "cache", executor=HERE), found)
    assert kept.read_bytes() == content


def test_tasks_and_shards_do_not_change_the_numbers(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = measure_store(store, tmp_path / "one", executor=HERE)
    monkeypatch.setattr(measured, "TASK_IMAGES", 4)
    monkeypatch.setattr(measured, "SHARD_IMAGES", 9)
    parts = measure_store(store, tmp_path / "two",
                          executor=LocalExecutor(num_workers=2, workers="threads"))
    pd.testing.assert_frame_equal(parts, found)
    assert len([*(tmp_path / "two").rglob("*.parquet")]) == 4


def test_copies_are_measured_once(tmp_path: Path):
    frame = clean_frame(4)
    same = dict.fromkeys(frame.index[:2], "0" * 64)
    store = make_prepared(tmp_path / "data", frame, digests=same).store
    found = measure_store(store, tmp_path / "cache", executor=HERE)
    assert len(found) == 4
    assert found.iloc[0].equals(found.iloc[1])
