"""What is behind a URL is copied once, and a folder goes up with its manifest last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from lesionlab.core import copies
from lesionlab.core.copies import fetch_file, fetch_folder, find_copy, publish_folder
from lesionlab.core.errors import RemoteError, StoreError
from lesionlab.core.remote import as_path, list_files

pytest.importorskip("upath", reason="the extra 'remote' is not installed")


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(copies.platformdirs, "user_cache_dir", lambda _: str(tmp_path / "caches"))
    return tmp_path / "caches"


@pytest.fixture
def url() -> Iterator[Path]:
    place: Any = as_path("memory://bucket/data")
    yield place
    if place.exists():
        place.fs.rm(place.path, recursive=True)


@pytest.fixture
def made() -> Path:
    """A finished folder where `prepare` makes one for a URL."""
    folder = find_copy("a plan")
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "000000.arrow").write_bytes(b"pictures")
    (folder / "cohort.parquet").write_bytes(b"rows")
    (folder / "manifest.json").write_bytes(b"{}")
    return folder


def test_what_is_on_disk_is_its_own_copy(tmp_path: Path) -> None:
    assert fetch_folder(tmp_path) == fetch_file(tmp_path) == tmp_path


def test_a_folder_goes_up_whole_and_its_copy_stays(url: Path, made: Path, caches: Path) -> None:
    publish_folder(made, url)
    assert list_files(url) == ["cohort.parquet", "images/000000.arrow", "manifest.json"]
    assert not made.exists()
    cast(Any, url).fs.rm(cast(Any, url / "cohort.parquet").path)  # not asked for: it is here
    copy = fetch_folder(url)
    assert (copy / "cohort.parquet").read_bytes() == b"rows"
    assert [path.name for path in (caches / "copies").iterdir()] == [copy.name]


def test_the_manifest_goes_last(
    url: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = type(cast(Any, url).fs).put_file

    def fail_at(self: Any, source: str, target: str, **how: Any) -> None:
        if target.endswith("000000.arrow"):
            raise OSError("the line is down")
        put(self, source, target, **how)

    monkeypatch.setattr(type(cast(Any, url).fs), "put_file", fail_at)
    with pytest.raises(RemoteError, match="the line is down"):
        publish_folder(made, url)
    assert "manifest.json" not in list_files(url)
    monkeypatch.undo()
    assert made.exists()


def test_a_folder_is_fetched_once_and_again_when_it_has_changed(url: Path) -> None:
    for name in ("manifest.json", "images/000000.arrow"):
        (url / name).write_bytes(b"first")
    first = fetch_folder(url)
    (url / "images/000000.arrow").write_bytes(b"second")
    assert (fetch_folder(url) / "images/000000.arrow").read_bytes() == b"first"
    (url / "manifest.json").write_bytes(b"second")
    second = fetch_folder(url)
    assert first != second
    assert (second / "images/000000.arrow").read_bytes() == b"second"


def test_a_url_without_a_manifest_is_given_back(url: Path) -> None:
    (url / "cohort.parquet").write_bytes(b"rows")
    assert fetch_folder(url) == url


def test_files_of_something_else_are_not_mixed_with(url: Path, made: Path) -> None:
    (url / "thesis.txt").write_bytes(b"mine")
    with pytest.raises(StoreError) as error:
        publish_folder(made, url)
    assert str(error.value) == ("memory://bucket/data holds 1 files of something else, such as "
                                "thesis.txt; remove them or choose another --out")


def test_a_file_is_fetched_once_and_again_when_it_has_changed(url: Path, caches: Path) -> None:
    (url / "metadata.csv").write_text("isic_id\n")
    copy = fetch_file(url / "metadata.csv")
    assert (copy.name, copy.read_text()) == ("metadata.csv", "isic_id\n")
    assert fetch_file(url / "metadata.csv") == copy
    (url / "metadata.csv").write_text("isic_id\nISIC_0000001\n")
    assert fetch_file(url / "metadata.csv").read_text() == "isic_id\nISIC_0000001\n"
    assert len(list((caches / "copies").iterdir())) == 2
