"""What lies in a bucket is prepared, loaded and predicted as if it lay on disk."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from conftest import TrainSmall
from lesionlab.core import copies
from lesionlab.core.errors import DecodeError, RemoteError, StoreError
from lesionlab.core.remote import as_path, list_files, list_folder
from lesionlab.dataset import building, screening
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict, save_table
from lesionlab.scaling.executors import LocalExecutor

pytest.importorskip("upath", reason="the extra 'remote' is not installed")
pytestmark = pytest.mark.enable_socket

THREADS = LocalExecutor(num_workers=2, workers="threads")
SETTINGS = PrepareSettings(size_px=64)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server on this machine that answers as S3 does, and what clients are told of it."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server", reason="moto's server is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
                            ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
                            ("AWS_DEFAULT_REGION", "us-east-1")):
            patch.setenv(name, value)
        yield "s3://bucket"
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty bucket; copies of what is in it go to a folder of the test."""
    monkeypatch.setattr(copies.platformdirs, "user_cache_dir", lambda _: str(tmp_path / "caches"))
    url = request.getfixturevalue("s3") if request.param == "s3" else "memory://bucket"
    place: Any = as_path(url)
    place.fs.makedirs("bucket", exist_ok=True)
    yield place
    place.fs.rm(place.path, recursive=True)


@pytest.fixture
def cohort(bucket: Path, phantom_folder: Path) -> Path:
    """The small phantom in the bucket."""
    place = cast(Any, bucket / "cohort")
    place.fs.put(f"{phantom_folder}/", f"{place.path}/", recursive=True)
    return place


def test_a_cohort_in_a_bucket_is_the_cohort_on_disk(
    bucket: Path, cohort: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    data = prepare([cohort], tmp_path / "data", settings=SETTINGS, executor=THREADS)
    assert data.digest == prepared.digest
    assert data.manifest["sources"][0]["path"] == str(bucket / "cohort")


def test_a_prepared_folder_goes_to_a_bucket_and_comes_back(
    bucket: Path, phantom_folder: Path, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = bucket / "data"
    data = prepare([phantom_folder], out, settings=SETTINGS, num_workers=1)
    assert data.digest == prepared.digest
    assert list_files(out) == sorted(
        path.relative_to(data.folder).as_posix() for path in data.folder.rglob("*")
        if path.is_file())
    shutil.rmtree(data.folder)
    loaded = PreparedData.load(Path(str(out)))  # as a command line gives it
    assert loaded.digest == prepared.digest
    assert loaded.store.read(loaded.store.ids[0]) == prepared.store.read(loaded.store.ids[0])

    monkeypatch.setattr(building, "screen_images", None)  # a finished one is not made again
    assert prepare([phantom_folder], out, settings=SETTINGS).digest == prepared.digest
    with pytest.raises(StoreError) as error:
        prepare([phantom_folder], out, settings=PrepareSettings(size_px=32))
    assert str(error.value) == (f"{out} was prepared from other input or settings; remove {out} or "
                                "choose another --out")


def test_what_could_not_go_up_goes_up_the_next_time(
    bucket: Path, phantom_folder: Path, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise RemoteError("the line is down")

    with monkeypatch.context() as patch:
        patch.setattr(building, "publish_folder", break_off)
        with pytest.raises(RemoteError, match="the line is down"):
            prepare([phantom_folder], bucket / "data", settings=SETTINGS, num_workers=1)
    monkeypatch.setattr(building, "screen_images", None)  # no image is read again
    data = prepare([phantom_folder], bucket / "data", settings=SETTINGS, num_workers=1)
    assert data.digest == prepared.digest


def test_a_store_that_fails_in_the_middle_loses_no_image(
    cohort: Path, prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = ImageAddress.read, []

    def read_but_the_twentieth(self: ImageAddress, *limits: Any) -> bytes:
        calls.append(self)
        if len(calls) == 20:
            raise RemoteError("the line is down")
        return read(self, *limits)

    monkeypatch.setattr(screening, "REMOTE_READS", 1)
    monkeypatch.setattr(ImageAddress, "read", read_but_the_twentieth)
    out, executor = tmp_path / "data", LocalExecutor(num_workers=1)
    with pytest.raises(RemoteError, match="the line is down"):
        prepare([cohort], out, settings=SETTINGS, executor=executor)
    data = prepare([cohort], out, settings=SETTINGS, executor=executor)
    assert data.digest == prepared.digest
    assert len(calls) == 20 + len(data.cohort) - 16  # of the first task


def test_an_object_that_is_gone_is_an_unreadable_image(cohort: Path) -> None:
    address = ImageAddress(path=cohort / "images" / "none.jpg")
    with pytest.raises(DecodeError, match=r"/cohort/images/none\.jpg cannot be read \(.*\); check "
                       "that the file is there and may be read$") as error:
        address.read()
    assert error.value.reason == "unreadable"


@pytest.mark.slow
def test_images_in_a_bucket_are_predicted_into_it(
    bucket: Path, cohort: Path, phantom_folder: Path, train_small: TrainSmall
) -> None:
    bundle = ModelBundle.load(train_small("image_frozen"))
    metadata = phantom_folder / "metadata.csv"
    here = predict(bundle, [phantom_folder / "images"], metadata=metadata).table
    there = predict(bundle, [str(cohort / "images" / "*.jpg")],
                    metadata=Path(str(cohort / "metadata.csv"))).table
    pd.testing.assert_frame_equal(there.drop(columns="file"), here.drop(columns="file"))
    assert there["file"][0] == str(cohort / "images" / Path(here["file"][0]).name)
    out = bucket / "out" / "predictions.csv"
    save_table(there, Path(str(out)))
    assert list_folder(bucket / "out") == ["predictions.csv"]
    assert out.read_text() == there.to_csv(index=False)


@pytest.mark.slow
def test_a_bundle_in_a_bucket_is_fetched(bucket: Path, train_small: TrainSmall) -> None:
    run = train_small("metadata_linear")
    place = cast(Any, bucket / "run" / "bundle")
    place.fs.put(f"{run}/bundle/", f"{place.path}/", recursive=True)
    assert ModelBundle.load(bucket / "run").digest == ModelBundle.load(run).digest


def test_a_bucket_that_is_not_there_is_said(s3: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"^s3://nobody/data cannot be reached ") as error:
        copies.publish_folder(tmp_path, as_path("s3://nobody/data"))
    assert "secret" not in str(error.value)
