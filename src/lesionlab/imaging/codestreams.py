"""The size that a compressed stream says it has, read before a decoder believes it."""

from __future__ import annotations

import struct

_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
"""JPEG 2000's first two markers: SOC, SIZ."""
_JPEG_END = b"\xff\xd9"
_FRAME_HEADERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame header in JPEG (ITU-T T.81, B.1.1.3) and JPEG-LS (T.87)."""
_START_OF_SCAN = 0xDA


def read_size(stream: bytes) -> tuple[int, int, int] | None:
    """Width, height and samples of a pixel in a JPEG, JPEG-LS or JPEG 2000 stream.

    None where the stream is none of these, or ends before it says so.
    """
    if stream.startswith(b"\xff\xd8"):
        return _read_jpeg_size(stream)
    start = stream.find(_START_OF_CODESTREAM, 0, 4096)  # some wrap it in the boxes of a JP2 file
    siz = stream[start + 6:start + 42]
    if start < 0 or len(siz) < 36:
        return None
    _, right, bottom, left, top, *_, num_samples = struct.unpack(">H8IH", siz)
    return right - left, bottom - top, num_samples


def has_end(stream: bytes) -> bool:
    """Whether the stream closes with the end marker of JPEG, JPEG-LS and JPEG 2000.

    Padding behind it is allowed; within the data of any of them the marker cannot stand.
    """
    return _JPEG_END in stream[-16:]


def _read_jpeg_size(stream: bytes) -> tuple[int, int, int] | None:
    place = 2
    while place + 10 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker in _FRAME_HEADERS:
            height, width, num_samples = struct.unpack(">HHB", stream[place + 5:place + 10])
            return width, height, num_samples
        if marker == _START_OF_SCAN:
            return None
        is_fill = marker == 0xFF
        place += 1 if is_fill else 2 + int.from_bytes(stream[place + 2:place + 4])
    return None
