"""A URL is told from a path, reads like one, and never carries credentials."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, MissingExtraError, RemoteError, StoreError
from lesionlab.core.remote import (
    as_path,
    exists,
    is_remote,
    list_files,
    list_folder,
    match_files,
    reaching,
    read_state,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of three files in memory."""
    pytest.importorskip("upath", reason="the extra 'remote' is not installed")
    place: Any = as_path("memory://bucket/cohort")
    for name in ("b.jpg", "below/a.jpg", "metadata.csv"):
        (place / name).write_bytes(name.encode())
    yield place
    place.fs.rm(place.path, recursive=True)


@pytest.mark.parametrize(
    "text", ["cohort", "a/b", "/a/b", "C:\\cohort", "C:/cohort", "a:b", ".", "~"])
def test_a_path_stays_a_path(text: str) -> None:
    assert as_path(text) == as_path(Path(text)) == Path(text)
    assert not is_remote(as_path(text))


def test_a_url_reads_like_a_path(folder: Path) -> None:
    assert is_remote(folder)
    assert (str(folder), folder.name) == ("memory://bucket/cohort", "cohort")
    assert (folder / "b.jpg").read_bytes() == b"b.jpg"
    assert exists(folder)
    assert not exists(folder / "none")
    assert pickle.loads(pickle.dumps(folder)) == folder


def test_a_path_made_of_a_url_is_that_url(folder: Path) -> None:
    assert as_path(Path("memory://bucket/cohort")) == folder == as_path(folder)


def test_files_are_listed_and_matched(folder: Path) -> None:
    assert list_files(folder) == ["b.jpg", "below/a.jpg", "metadata.csv"]
    assert list_folder(folder) == ["b.jpg", "metadata.csv"]
    assert match_files(folder / "**/*.jpg") == [folder / "b.jpg", folder / "below/a.jpg"]


def test_what_changes_has_another_state(folder: Path) -> None:
    before = read_state(folder / "b.jpg")
    assert before == read_state(folder / "b.jpg")
    (folder / "b.jpg").write_bytes(b"other")
    assert read_state(folder / "b.jpg") != before


def refuse(text: str) -> str:
    with pytest.raises(InputError) as error:
        as_path(text)
    return str(error.value)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    assert refuse("s3://AKIAKEY:secret@bucket/cohort") == (
        "s3://...@bucket/cohort: a URL with credentials would stand in logs and manifests; name "
        "the bucket alone, and give the credentials in the store's own settings")


def test_another_kind_of_url_is_refused() -> None:
    assert refuse("https://clinic.org/cohort") == (
        "https://clinic.org/cohort: URLs of this kind are not read; give a path, or a URL that "
        "begins with s3:// or gs://")


@pytest.mark.parametrize(("url", "package"), [
    ("s3://bucket/a", "s3fs"), ("gs://bucket/a", "gcsfs")])
def test_without_its_package_the_extra_is_named(
    url: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as error:
        as_path(url)
    assert str(error.value) == (
        f"{url} needs the extra 'remote' (import of {package} halted; None in sys.modules); "
        "pip install 'lesionlab[remote]'")


def test_a_store_that_fails_is_named(folder: Path) -> None:
    with pytest.raises(RemoteError) as error, reaching(folder):
        raise PermissionError("Access Denied")
    assert str(error.value) == (
        "memory://bucket/cohort cannot be reached (PermissionError: Access Denied); check the "
        "address, the network and your credentials, then run the same command again")


def test_an_error_of_ours_and_one_of_a_disk_stay_what_they_are(folder: Path) -> None:
    with pytest.raises(StoreError, match="damaged"), reaching(folder):
        raise StoreError("damaged")
    with pytest.raises(PermissionError, match="locked"), reaching(Path("cohort")):
        raise PermissionError("locked")


def test_a_file_behind_a_url_is_written_as_one_object(folder: Path) -> None:
    artifacts.write_text(folder / "p.csv", "isic_id\n")
    assert (folder / "p.csv").read_text() == "isic_id\n"
    assert list_folder(folder) == ["b.jpg", "metadata.csv", "p.csv"]


def test_a_folder_is_not_made_behind_a_url_nor_of_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (folder / "run", Path("memory://bucket/cohort/run")):
        with pytest.raises(InputError) as error, artifacts.new_folder(path):
            pass
        assert str(error.value) == (
            "memory://bucket/cohort/run: only prepare and predict write to URLs; give a folder on "
            "disk, and copy it there when it is done")
    assert list(tmp_path.iterdir()) == []
