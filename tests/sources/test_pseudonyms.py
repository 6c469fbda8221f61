"""Pseudonyms: the same key gives the same ones, and the key is nobody else's."""

import hashlib
import hmac
import logging
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.errors import InputError
from lesionlab.sources import pseudonyms
from lesionlab.sources.pseudonyms import Pseudonyms

KEY = b"0123456789abcdef" * 4
NAMES = Pseudonyms(key=KEY)


@pytest.fixture
def default_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "lesionlab" / "pseudonym.key"
    monkeypatch.setattr(pseudonyms, "find_default_key", lambda: path)
    return path


def test_a_pseudonym_is_the_head_of_a_keyed_hash():
    digest = hmac.new(KEY, b"patient:MRN 7", hashlib.sha256).hexdigest()
    assert NAMES.name("patient", "MRN 7") == f"PAT_{digest[:16]}"


@given(text=st.text(min_size=1), other=st.text(min_size=1))
def test_ids_of_any_text_have_pseudonyms_that_differ_by_kind_and_key(text: str, other: str):
    found = {NAMES.name(kind, text) for kind in ("image", "patient", "lesion")}
    found.add(Pseudonyms(key=KEY[1:]).name("patient", text))
    assert len(found) == 4
    assert (NAMES.name("patient", text) == NAMES.name("patient", other)) == (text == other)


def test_frames_are_numbered_and_public_ids_stay():
    image = NAMES.name("image", "1.2.3")
    assert NAMES.name_image("1.2.3") == image
    assert NAMES.name_image("1.2.3#12", "12") == f"{image}_0012"
    assert NAMES.name_image("ISIC_0000001") == "ISIC_0000001"
    assert NAMES.name_image("ISIC_0000001#2", "2") == "ISIC_0000001_0002"
    assert NAMES.name_image("ISIC_0000001_DOE").startswith("DCM_")
    assert NAMES.name("patient", "") == ""


def test_the_default_key_is_made_once_for_its_owner_alone(
    default_key: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        first = Pseudonyms.load()
    assert caplog.messages == [
        f"made the key of pseudonyms {default_key}; keep it, for no other gives the same ones"]
    assert stat.S_IMODE(default_key.stat().st_mode) == 0o600
    assert len(first.key) == 64
    assert Pseudonyms.load() == first == Pseudonyms.load(default_key)
    assert [path.name for path in default_key.parent.iterdir()] == ["pseudonym.key"]


def test_a_key_that_another_process_made_meanwhile_stays(default_key: Path):
    default_key.parent.mkdir(parents=True)
    default_key.write_bytes(KEY)
    default_key.chmod(0o600)
    pseudonyms._make_key(default_key)
    assert Pseudonyms.load().key == KEY


def test_a_key_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(0o644)
    assert Pseudonyms.load(path).key == KEY
    assert caplog.messages == [
        f"{path} may be read by others than its owner; run: chmod 600 {path}"]


def test_a_key_that_is_named_must_be_there_and_long(tmp_path: Path):
    path = tmp_path / "key"
    with pytest.raises(InputError) as caught:
        Pseudonyms.load(path)
    assert str(caught.value) == (f"--pseudonym-key {path}: cannot be read (No such file or "
                                 "directory); name the file that holds the key")
    path.write_text("secret\n")
    with pytest.raises(InputError) as caught:
        Pseudonyms.load(path)
    assert str(caught.value) == (f"--pseudonym-key {path}: holds 6 bytes; a key has at least 32, "
                                 "drawn at random")


def test_a_place_where_no_key_can_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "lesionlab" / "pseudonym.key"
    monkeypatch.setattr(pseudonyms, "find_default_key", lambda: path)
    with pytest.raises(InputError) as caught:
        Pseudonyms.load()
    assert str(caught.value) == (
        f"{path}: no key of pseudonyms can be made there (Not a directory); make one elsewhere "
        "and name it by --pseudonym-key")
