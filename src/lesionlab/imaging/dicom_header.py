"""DICOM datasets read from a file; no message says a word of what a header holds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from pydicom import FileDataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.silence import silence_warnings

_FILE_GROUP = 0x0002
_UNDEFINED_LENGTH = 0xFFFFFFFF
_RAW_DEFLATE = -zlib.MAX_WBITS
"""Deflated without zlib's header (PS3.5, A.5)."""


@contextmanager
def explain_damage() -> Iterator[None]:
    """Turns whatever pydicom raises into a DecodeError that quotes nothing, as its own would."""
    with silence_warnings():
        try:
            yield
        except DecodeError:
            raise
        except (EOFError, struct.error):
            raise DecodeError("truncated", "the DICOM file ends before its data do; "
                              "copy or export the file again") from None
        # pydicom and its decoders meet damaged bytes with any exception at all.
        except Exception as error:  # noqa: BLE001 - raised again, without what it quotes
            raise DecodeError(
                "corrupt", f"the DICOM file is damaged ({type(error).__name__} while it was read); "
                "copy or export the file again") from None


def read_elements(file: BinaryIO, keywords: Sequence[str], *, max_bytes: int) -> FileDataset:
    """Returns those elements of `keywords` that the file has.

    Their values are parsed when they are asked for, which belongs within `explain_damage` too.

    Args:
        file: with or without preamble.
        keywords: pydicom's names; only with `PixelData` among them is the picture read.
        max_bytes: most that a deflated file may hold.

    Raises:
        DecodeError: `corrupt`, `truncated`, or `too_large_file` where deflated data hold more
            than the limit.
    """
    with explain_damage():
        return dcmread(_inflate(file, max_bytes), force=True, specific_tags=list(keywords),
                       stop_before_pixels="PixelData" not in keywords)


def read_syntax(dataset: FileDataset) -> UID:
    """Returns the transfer syntax: as the file names it, else by how its elements are written."""
    named = dataset.file_meta.get("TransferSyntaxUID")
    if named:
        return UID(named)
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian


def is_cut(file: BinaryIO, *, max_bytes: int) -> bool:
    """Whether a file that gave no picture ends within its header, or within the picture."""
    with explain_damage():
        plain = _inflate(file, max_bytes)
        dataset = dcmread(plain, force=True, stop_before_pixels=True)
        is_within = bool(plain.read(1))
        *_, last = [None, *dataset.values()]
        if not isinstance(last, RawDataElement) or last.length == _UNDEFINED_LENGTH:
            return is_within  # a sequence that is cut cannot be read at all
        return is_within or last.value_tell + last.length != plain.seek(0, 2)


def _inflate(file: BinaryIO, max_bytes: int) -> BinaryIO:
    """The file at its start; a deflated one unpacked, for pydicom would unpack without limit."""
    file.seek(0)
    read_preamble(file, force=True)
    meta = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=_is_past_meta)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        file.seek(0)
        return file
    engine = zlib.decompressobj(_RAW_DEFLATE)
    plain = engine.decompress(file.read(), max_bytes)
    if engine.unconsumed_tail:
        raise DecodeError("too_large_file", "the deflated DICOM file holds more than the limit of "
                          f"{max_bytes:,} bytes; reduce it, or raise DecodeLimits.max_bytes")
    if not engine.eof:
        raise DecodeError("truncated", "the deflated DICOM file ends before its data do; "
                          "copy or export the file again")
    uid = ExplicitVRLittleEndian.encode() + b"\0"
    syntax = b"\x02\0\x10\0UI" + len(uid).to_bytes(2, "little") + uid
    return BytesIO(bytes(128) + b"DICM" + syntax + plain)


def _is_past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != _FILE_GROUP
