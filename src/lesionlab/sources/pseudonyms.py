"""Ids that may name a patient, replaced by keyed hashes of them."""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
import platformdirs

from lesionlab.core.errors import InputError
from lesionlab.sources.raw_source import RawSource

Kind = Literal["image", "patient", "lesion"]

MIN_KEY_BYTES = 32
PUBLIC_ID = re.compile(r"ISIC_\d{7}")
"""What the ISIC Archive calls an image; known to all, and what tables join by."""
_NUM_DIGITS = 16
"""Hexadecimal digits of a pseudonym: 64 bits, so that two of a million ids hardly ever meet."""
_PREFIXES: dict[Kind, str] = {"image": "DCM_", "patient": "PAT_", "lesion": "LES_"}
_KINDS: dict[str, Kind] = {"patient_id": "patient", "lesion_id": "lesion"}
_log = logging.getLogger(__name__)


def find_default_key() -> Path:
    """Where the key is that is taken unless another is named."""
    return platformdirs.user_config_path("lesionlab") / "pseudonym.key"


@dataclass(frozen=True, kw_only=True)
class Pseudonyms:
    """What ids are called under one key; the same key always gives the same names."""

    key: bytes

    @classmethod
    def load(cls, path: Path | None = None) -> Pseudonyms:
        """Read the key in `path`, or the user's own, which is made the first time.

        Raises:
            InputError: it cannot be read or made, or is too short.
        """
        file = path or find_default_key()
        if path is None and not file.exists():
            _make_key(file)
        try:
            key, mode = file.read_bytes().strip(), file.stat().st_mode
        except OSError as error:
            raise InputError(f"--pseudonym-key {file}: cannot be read ({error.strerror}); name the "
                             "file that holds the key") from error
        if len(key) < MIN_KEY_BYTES:
            raise InputError(f"--pseudonym-key {file}: holds {len(key)} bytes; a key has at least "
                             f"{MIN_KEY_BYTES}, drawn at random")
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            _log.warning("%s may be read by others than its owner; run: chmod 600 %s", file, file)
        return cls(key=key)

    def name(self, kind: Kind, text: str) -> str:
        """The pseudonym of an id, the empty text for the empty text."""
        if not text:
            return ""
        digest = hmac.new(self.key, f"{kind}:{text}".encode(), "sha256").hexdigest()
        return _PREFIXES[kind] + digest[:_NUM_DIGITS]

    def name_image(self, text: str, member: str = "") -> str:
        """The pseudonym of an image, `text` ending in its member; ISIC's own ids stay."""
        whole = text.removesuffix(f"#{member}") if member else text
        name = whole if PUBLIC_ID.fullmatch(whole) else self.name("image", whole)
        return f"{name}_{int(member):04d}" if member else name


def hide_persons(raw: RawSource, pseudonyms: Pseudonyms) -> RawSource:
    """The same rows with images, patients and lesions under pseudonyms, wherever they are named."""
    members = {text: pseudonyms.name_image(text, member) for text, member in raw.members.items()}

    def hide(texts: pd.Series) -> pd.Series:
        return texts.map({text: members.get(text) or pseudonyms.name_image(text)
                          for text in texts.unique()}).astype(str)

    rows = raw.rows.assign(isic_id=hide(raw.rows["isic_id"]))
    for column, kind in _KINDS.items():
        if column in rows:
            rows[column] = rows[column].map({text: pseudonyms.name(kind, text)
                                             for text in rows[column].unique()}).astype(str)
    paths = {members.get(text) or pseudonyms.name_image(text): path
             for text, path in (raw.paths or {}).items()}
    return replace(raw, rows=rows, paths=paths,
                   members={members[text]: member for text, member in raw.members.items()},
                   dropped=raw.dropped.assign(isic_id=hide(raw.dropped["isic_id"])),
                   adjusted=raw.adjusted.assign(isic_id=hide(raw.adjusted["isic_id"])))


def _make_key(path: Path) -> None:
    """Draw a key that its owner alone may read; one that another process made meanwhile stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)  # with mode 600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(MIN_KEY_BYTES) + "\n")
            os.link(name, path)
        except FileExistsError:
            return
        finally:
            Path(name).unlink()
    except OSError as error:
        raise InputError(f"{path}: no key of pseudonyms can be made there ({error.strerror}); make "
                         "one elsewhere and name it by --pseudonym-key") from error
    _log.info("made the key of pseudonyms %s; keep it, for no other gives the same ones", path)
