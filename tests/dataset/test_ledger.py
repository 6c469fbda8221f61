"""The ledger counts models, keeps what other processes write, and stops no evaluation."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from factories import clean_frame, make_prepared
from lesionlab.core.errors import StoreError
from lesionlab.dataset.ledger import LEDGER_FILE, Look, Looks, read_ledger, record_look
from lesionlab.dataset.prepared import PreparedData


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return make_prepared(tmp_path / "data", clean_frame(40))


def look(data: PreparedData, model: str = "m1", recipe: str = "r1", role: str = "test") -> Look:
    return Look(data=data.digest, role=role, model=model, recipe=recipe, recipe_name="image_frozen",
                run="run", num_images=8)


def test_a_look_is_a_line_of_json_without_a_path(data: PreparedData) -> None:
    looks, note = record_look(data, look(data))
    assert (looks, note) == (Looks(num=1, num_recipes=1), "")
    lines = (data.folder / LEDGER_FILE).read_text().splitlines()
    assert len(lines) == 1
    written = json.loads(lines[0])
    assert list(written) == ["data", "role", "model", "recipe", "recipe_name", "run", "num_images",
                             "time", "lesionlab_version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", written["time"])
    assert str(data.folder) not in lines[0]


def test_models_are_counted_once_and_recipes_too(data: PreparedData) -> None:
    found = [record_look(data, look(data, *names))[0] for names in
             (("m1", "r1"), ("m1", "r1"), ("m2", "r1"), ("m3", "r2"), ("m1", "r1"))]
    assert [(one.num, one.num_recipes) for one in found] == [
        (1, 1), (1, 1), (2, 1), (3, 2), (3, 2)]
    assert len(read_ledger(data.folder / LEDGER_FILE)) == 5


def test_other_roles_and_other_data_are_counted_apart(data: PreparedData, tmp_path: Path) -> None:
    record_look(data, look(data))
    record_look(data, look(data, "m2", role="external"))
    other = make_prepared(tmp_path / "other", clean_frame(41))
    (other.folder / LEDGER_FILE).write_bytes((data.folder / LEDGER_FILE).read_bytes())
    assert record_look(other, look(other, "m3"))[0] == Looks(num=1, num_recipes=1)
    assert record_look(data, look(data, "m3"))[0].num == 2


def test_the_folder_opens_as_before(data: PreparedData) -> None:
    before = data.digest
    record_look(data, look(data))
    assert PreparedData.load(data.folder).digest == before


def test_looks_at_the_same_time_are_all_kept(data: PreparedData) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: record_look(data, look(data, f"m{n}")), range(100)))
    assert {one["model"] for one in read_ledger(data.folder / LEDGER_FILE)} == {
        f"m{n}" for n in range(100)}


def test_a_torn_line_costs_no_other_look(data: PreparedData) -> None:
    path = data.folder / LEDGER_FILE
    record_look(data, look(data))
    path.write_bytes(path.read_bytes() + b'{"time": "20')
    assert record_look(data, look(data, "m2"))[0].num == 2
    assert [one["model"] for one in read_ledger(path)] == ["m1", "m2"]


def test_a_folder_that_cannot_be_written_is_a_note(data: PreparedData) -> None:
    path = data.folder / LEDGER_FILE
    path.mkdir()
    looks, note = record_look(data, look(data))
    assert looks.num == 1
    assert note == (f"this look at the test images could not be recorded in {path} (Is a "
                    "directory), so later ones will not count it")


def test_a_copy_of_what_is_behind_a_url_keeps_no_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    data = make_prepared(tmp_path / "lesionlab" / "copies" / "0" / "x", clean_frame(40))
    assert record_look(data, look(data)) == (Looks(num=1, num_recipes=1), (
        "the data are behind a URL, and looks at the test images are recorded in folders on disk "
        "only: other machines do not know of this one"))
    assert not (data.folder / LEDGER_FILE).exists()


def test_a_ledger_that_is_no_text_is_refused(data: PreparedData) -> None:
    path = data.folder / LEDGER_FILE
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError) as error:
        record_look(data, look(data))
    assert str(error.value) == (
        f"{path} is damaged: it is not UTF-8 ('utf-8' codec can't decode byte 0xff in position 0: "
        "invalid start byte); move it away, and say in what you publish that earlier looks are not "
        "counted")
