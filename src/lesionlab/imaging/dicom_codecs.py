"""A decoding plugin for pydicom: every compressed picture through imagecodecs.

pydicom's own plugins end the process on damaged data (GDCM), are under the GPL
(pylibjpeg-libjpeg) or are slow (its RLE, in Python). For JPEG-LS there is no decoder that always
comes back from damaged data, so it is not decoded.
"""

from __future__ import annotations

import imagecodecs
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

PLUGIN = "lesionlab"
_JPEG_2000 = (JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL)
_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
SYNTAXES = (*_JPEG, *_JPEG_2000, RLELossless)
"""The compressed transfer syntaxes that are decoded."""


def register_plugin() -> None:
    """Have pydicom offer this plugin beside its own; nothing happens the second time."""
    for syntax in SYNTAXES:
        decoder = get_decoder(syntax)
        if PLUGIN not in decoder.available_plugins:
            decoder.add_plugin(PLUGIN, (__name__, "decode_frame"))


def is_available(uid: str) -> bool:
    """Whether the plugin decodes this transfer syntax; pydicom asks."""
    return uid in SYNTAXES


def decode_frame(stream: bytes, runner: DecodeRunner) -> bytes:
    """Returns the samples of a frame; pydicom gives the stream and takes them back."""
    if runner.transfer_syntax == RLELossless:
        return _decode_runs(stream, runner)
    if runner.transfer_syntax in _JPEG_2000:
        samples = imagecodecs.jpeg2k_decode(stream)
        if runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):
            runner.set_option("photometric_interpretation", "RGB")  # undone while decoding
    else:
        # The same space in and out: what the samples mean is said by the header.
        space = "GRAYSCALE" if runner.samples_per_pixel == 1 else "RGB"
        samples = imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace=space)
    runner.set_option("bits_allocated", 8 * samples.itemsize)
    runner.set_option("planar_configuration", 0)
    return samples.tobytes()


def _decode_runs(stream: bytes, runner: DecodeRunner) -> bytes:
    """The samples of an RLE frame, plane by plane, never more than the header says."""
    num_bytes = int(runner.frame_length(unit="bytes"))
    samples = imagecodecs.dicomrle_decode(stream, f"<u{runner.bits_allocated // 8}",
                                          out=bytearray(num_bytes))
    if len(samples) != num_bytes:
        raise ValueError("fewer samples than the header says")
    runner.set_option("planar_configuration", 1)
    return bytes(samples)
