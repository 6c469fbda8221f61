"""A result of the API becomes a row and addresses, or an error that says what is wrong with it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.archive.records import RemoteFile, read_record
from lesionlab.core.errors import ArchiveError

RESULT = {
    "isic_id": "ISIC_0024306", "public": True, "copyright_license": "CC-BY",
    "attribution": "Hospital A,\n Department of Dermatology",
    "files": {"full": {"url": "https://files.test/full.jpg?Signature=a~b", "size": 900_000},
              "thumbnail_256": {"url": "https://files.test/small.jpg", "size": 12_345}},
    "metadata": {"acquisition": {"pixels_x": 600, "image_type": "dermoscopic"},
                 "clinical": {"age_approx": None, "melanocytic": True,
                              "clin_size_long_diam_mm": 3.5, "patient_id": "IP_1234567"}}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner,
                                                               max_size=3), max_leaves=8)
PATHS = [("isic_id",), ("copyright_license",), ("attribution",), ("files",), ("files", "full"),
         ("files", "thumbnail_256", "url"), ("files", "full", "size"), ("metadata",),
         ("metadata", "clinical"), ("metadata", "clinical", "age_approx"),
         ("metadata", "clinical", "../../x"), ("metadata", "other")]


def change(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The good result with another value in one place."""
    result: dict[str, Any] = copy.deepcopy(RESULT)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return result


def read_problem(path: tuple[str, ...], value: Any) -> str:
    with pytest.raises(ArchiveError) as caught:
        read_record(change(path, value))
    return str(caught.value)


def test_all_sections_are_one_row_as_the_client_writes_it() -> None:
    record = read_record(RESULT)
    assert record.row == {
        "isic_id": "ISIC_0024306", "copyright_license": "CC-BY",
        "attribution": "Hospital A, Department of Dermatology", "pixels_x": "600",
        "image_type": "dermoscopic", "age_approx": "", "melanocytic": "True",
        "clin_size_long_diam_mm": "3.5", "patient_id": "IP_1234567"}
    assert record.files["thumbnail"] == RemoteFile(url="https://files.test/small.jpg",
                                                       num_bytes=12_345)


def test_metadata_cannot_name_another_image() -> None:
    assert read_record(change(("metadata", "clinical", "isic_id"), "ISIC_9999999")
                       ).row["isic_id"] == "ISIC_0024306"


@pytest.mark.parametrize("value", [
    "../../etc/passwd", "ISIC_0024306/../x", "ISIC_0024306\n", "ISIC_1", "ISIC_00243\u0663\u0664",
    "", None, 24306, ["ISIC_0024306"]])
def test_only_an_isic_id_names_a_file(value: Any) -> None:
    shown = ascii(value)
    assert read_problem(("isic_id",), value) == f"{shown} is no ISIC id"


@pytest.mark.parametrize("value", ["../CC-0", ".hidden", "CC/BY", "CC-0\n", "", None, "x" * 41])
def test_only_a_plain_licence_names_a_file(value: Any) -> None:
    assert read_problem(("copyright_license",), value) == f"{value!a} is no licence"


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "ftp://files.test/a", "//files.test/a", "https:///a", "http:/files.test",
    "http://files.test/a b", "http://me:word@files.test/a", "javascript:1", "", None, 5])
def test_only_http_is_asked_for_files(url: Any) -> None:
    assert read_problem(("files", "full", "url"), url) == (
        f"its file full has {url!a} for an address")


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "12", None, 2**40])
def test_a_size_is_a_number_of_bytes(size: Any) -> None:
    assert read_problem(("files", "thumbnail_256", "size"), size) == (
        f"its file thumbnail_256 has {size!r} for a size in bytes")


@pytest.mark.parametrize(("path", "value", "said"), [
    (("metadata",), None, "its metadata have None for a section"),
    (("metadata", "clinical"), "Benign", "its metadata have 'Benign' for a section"),
    (("metadata", "clinical", "a,b\nc"), 1, r"its metadata have 'a,b\nc' for a column"),
    (("metadata", "clinical", "sex"), "a\ud800",
     r"its metadata have '\ud800', which is no character"),
    (("files",), None, "its file thumbnail_256 has None for an address")])
def test_what_is_wrong_is_said(path: tuple[str, ...], value: Any, said: str) -> None:
    assert read_problem(path, value) == said


@given(result=JSON)
def test_any_json_is_a_record_or_an_error(result: Any) -> None:
    with pytest.raises(ArchiveError):
        read_record(result)


@given(path=st.sampled_from(PATHS), value=JSON)
def test_a_record_can_be_written_to_files_whatever_one_value_is(
    path: tuple[str, ...], value: Any
) -> None:
    try:
        record = read_record(change(path, value))
    except ArchiveError:
        return
    assert re.fullmatch(r"ISIC_\d{7,10}", record.isic_id, re.ASCII)
    assert re.fullmatch(r"[A-Za-z0-9][\w.+-]*", record.row["copyright_license"], re.ASCII)
    assert all(isinstance(text, str) and "\n" not in text and text.encode().decode() == text
               for item in record.row.items() for text in item)
    assert all(file.url.startswith(("http://", "https://")) and file.num_bytes > 0
               for file in record.files.values())
