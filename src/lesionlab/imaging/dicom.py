"""The picture of a DICOM file: found and checked by its header, then one frame decoded."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from pydicom import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.codestreams import has_end, read_size
from lesionlab.imaging.dicom_codecs import PLUGIN, SYNTAXES, register_plugin
from lesionlab.imaging.dicom_header import explain_damage, is_cut, read_elements, read_syntax
from lesionlab.imaging.dicom_samples import to_eight_bits

_ELEMENTS = (
    "SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "ModalityLUTSequence", "RescaleIntercept", "RescaleSlope",
    "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    *(f"{segmented}{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue")
      for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))),
    "ICCProfile", "OpticalPathSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "PixelData", "FloatPixelData", "DoubleFloatPixelData")
"""What the picture is made of; no element that names a person is read."""
_AGAIN = "copy or export the file again"
_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
"""Uncompressed; a deflated file was inflated before it was read."""
_PHOTOMETRICS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "MONOCHROME1",
                 "MONOCHROME2", "PALETTE COLOR")
_BITS = (1, 8, 16)
_MOST_HEAD = 256
"""Bytes within which a JPEG says of what colours it is (JFIF 1.02; Adobe technical note 5116)."""

register_plugin()

@dataclass(frozen=True, kw_only=True, eq=False)
class DicomPicture:
    """One or more frames, not yet decoded."""

    dataset: FileDataset
    syntax: UID
    """How the samples are compressed."""
    photometric: str
    width: int
    height: int
    num_samples: int
    """Samples of a pixel, 1 or 3."""
    num_bits: int
    """Bits that a sample takes."""
    num_frames: int
    profile: bytes | None
    """ICC profile."""
    encoded: bytes
    """All frames, as the file has them."""


def open_dicom(data: bytes, *, max_bytes: int) -> DicomPicture:
    """Returns the picture of a file, as far as the header tells of it.

    Raises:
        DecodeError: `not_an_image` without a picture, `unsupported`, `truncated`, `corrupt`, or
            `too_large_file` where deflated data hold more than `max_bytes`.
    """
    dataset = read_elements(BytesIO(data), _ELEMENTS, max_bytes=max_bytes)
    if "PixelData" not in dataset:
        raise _explain_absence(data, dataset, max_bytes)
    with explain_damage():
        picture = DicomPicture(
            dataset=dataset, syntax=read_syntax(dataset),
            photometric=str(dataset.PhotometricInterpretation), width=int(dataset.Columns),
            height=int(dataset.Rows), num_samples=int(dataset.SamplesPerPixel),
            num_bits=int(dataset.BitsAllocated),
            num_frames=max(int(dataset.get("NumberOfFrames") or 1), 1),
            profile=_find_profile(dataset), encoded=bytes(dataset.PixelData or b""))
    _check_kind(picture)
    return picture


def find_jpeg(picture: DicomPicture, frame: int) -> bytes | None:
    """Returns the JPEG of a frame in colour that any reader of JPEG understands, else None.

    Its colours are YCbCr, as JPEG takes for granted, or what its own marker says. So are those
    of most photographs in DICOM files, and they can be reduced while they are decoded.

    Raises:
        DecodeError: `truncated` or `corrupt`.
    """
    is_jpeg = picture.syntax in (JPEGBaseline8Bit, JPEGExtended12Bit)
    if not is_jpeg or picture.num_samples != 3 or picture.num_bits != 8:
        return None
    stream = _find_stream(picture, frame)
    head = stream[:_MOST_HEAD]
    says_colours = any(marker in head for marker in (b"JFIF\0", b"Adobe"))
    return stream if says_colours or picture.photometric.startswith("YBR_FULL") else None


def load_frame(picture: DicomPicture, frame: int) -> Image.Image:
    """Returns one frame, decoded, in mode L or RGB.

    Raises:
        DecodeError: `truncated`, `corrupt` or `unsupported`.
    """
    plugin = PLUGIN if picture.syntax.is_encapsulated else ""
    if plugin:
        _find_stream(picture, frame)
    else:
        _check_length(picture, frame)
    with explain_damage():
        samples, properties = get_decoder(picture.syntax).as_array(
            picture.dataset, index=frame, decoding_plugin=plugin)
        photometric = str(properties["photometric_interpretation"])
        return Image.fromarray(to_eight_bits(samples, picture.dataset, photometric))


def _explain_absence(data: bytes, dataset: FileDataset, max_bytes: int) -> DecodeError:
    """Why a file has no picture that can be decoded."""
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return DecodeError("unsupported", "the DICOM file holds floating-point samples, which have "
                           "no one meaning as a colour; export it with 8 or 16 bits a sample")
    if is_cut(BytesIO(data), max_bytes=max_bytes):
        return DecodeError("truncated", "the DICOM file ends before its picture does "
                           f"({len(data):,} bytes); {_AGAIN}")
    return DecodeError("not_an_image", "the DICOM file holds no picture, as reports and indexes "
                       "do not; leave it out")


def _check_kind(picture: DicomPicture) -> None:
    """Refuse what is not decoded, by the header alone."""
    if picture.width < 1 or picture.height < 1:
        raise DecodeError("corrupt", f"the DICOM file gives its picture {picture.width} x "
                          f"{picture.height} pixels; {_AGAIN}")
    if picture.syntax not in (*_NATIVE, *SYNTAXES):
        raise DecodeError("unsupported", "the picture of the DICOM file is compressed or encrypted "
                          "in a way that is not decoded; export it uncompressed, as JPEG or as "
                          "JPEG 2000")
    if picture.photometric not in _PHOTOMETRICS:
        raise DecodeError("unsupported", "the samples of the DICOM file are of no colour space "
                          "that is decoded; export it as RGB, YBR_FULL or MONOCHROME2")
    if picture.num_samples not in (1, 3) or picture.num_bits not in _BITS:
        raise DecodeError("unsupported", f"the pixels of the DICOM file are of "
                          f"{picture.num_samples} x {picture.num_bits} bits; export it with 1 or "
                          "3 samples of 8 or 16")


def _find_profile(dataset: FileDataset) -> bytes | None:
    """The profile of the picture, else of its first optical path."""
    paths = dataset.get("OpticalPathSequence") or [{}]
    return dataset.get("ICCProfile") or paths[0].get("ICCProfile")


def _find_stream(picture: DicomPicture, frame: int) -> bytes:
    """The compressed bytes of a frame, whole and of the size that the header gives."""
    dataset = picture.dataset
    _check_frame(picture, frame)
    with explain_damage():
        offsets = None
        if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
            offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
        stream = get_frame(picture.encoded, frame, extended_offsets=offsets,
                           number_of_frames=picture.num_frames)
    if picture.syntax == RLELossless:
        return stream
    if not has_end(stream):
        raise DecodeError("truncated", f"frame {frame} of the DICOM file ends before its picture "
                          f"does ({len(stream):,} bytes); {_AGAIN}")
    if read_size(stream) != (picture.width, picture.height, picture.num_samples):
        raise DecodeError("corrupt", f"frame {frame} of the DICOM file is not of the size that the "
                          f"header gives; {_AGAIN}")
    return stream


def _check_frame(picture: DicomPicture, frame: int) -> None:
    if not 0 <= frame < picture.num_frames:
        raise DecodeError("corrupt", f"the DICOM file has no frame {frame} among its "
                          f"{picture.num_frames}; {_AGAIN}")


def _check_length(picture: DicomPicture, frame: int) -> None:
    """Refuse an uncompressed frame that is not there whole."""
    _check_frame(picture, frame)
    samples = picture.num_samples
    if picture.photometric == "YBR_FULL_422":
        samples = 2  # two neighbours share their colour
    num_bits = picture.width * picture.height * samples * picture.num_bits * (frame + 1)
    if (num_bits + 7) // 8 > len(picture.encoded):
        raise DecodeError("truncated", f"frame {frame} of the DICOM file ends before its picture "
                          f"does; {_AGAIN}")
