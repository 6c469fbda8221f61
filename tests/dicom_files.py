"""DICOM files of every kind, made with pydicom: transfer syntaxes, photometric interpretations."""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset, FileMetaDataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DermoscopicPhotographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

ENCODED_BY_PYDICOM = (RLELossless, JPEGLSLossless)
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
          DeflatedExplicitVRLittleEndian)
LOSSLESS = (*NATIVE, RLELossless, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1)
"""Those that are decoded and lose nothing."""
ROOT = "1.2.826.0.1.3680043.10.1999"
"""Under it lie the UIDs of these files."""


def draw_frame(seed: int = 0, height: int = 32, width: int = 40) -> np.ndarray:
    """(H, W, 3) uint8, smooth and without any symmetry."""
    coarse = np.random.default_rng(seed).integers(40, 220, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def make_dataset(uid: str = f"{ROOT}.1", **elements: object) -> Dataset:
    """A dermoscopic image without pixels; `elements` by pydicom's keywords."""
    dataset = Dataset()
    dataset.SOPClassUID = DermoscopicPhotographyImageStorage
    dataset.SOPInstanceUID = uid
    dataset.Modality = "DMS"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def add_pixels(
    dataset: Dataset, frames: Sequence[np.ndarray], *, photometric: str = "RGB",
    bits_stored: int | None = None, planar: int = 0, is_big: bool = False,
) -> None:
    """Set the picture, as the samples are given, uncompressed."""
    first = frames[0]
    dataset.Rows, dataset.Columns = first.shape[:2]
    dataset.SamplesPerPixel = 1 if first.ndim == 2 else 3
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 * first.dtype.itemsize
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(first.dtype.kind == "i")
    if first.ndim == 3:
        dataset.PlanarConfiguration = planar
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    ordered = [np.moveaxis(frame, 2, 0) if planar else frame for frame in frames]
    data = b"".join(frame.astype(frame.dtype.newbyteorder("><"[not is_big])).tobytes()
                    for frame in ordered)
    if photometric == "YBR_FULL_422":
        data = b"".join(subsample(frame) for frame in frames)
    dataset.PixelData = data + bytes(len(data) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"


def subsample(ybr: np.ndarray) -> bytes:
    """The samples of a frame in YBR_FULL_422: Y1 Y2 B R for two neighbours (PS3.3 C.7.6.3.1.2)."""
    pairs = ybr.reshape(-1, 2, 3)
    return np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], 1).tobytes()


def write(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The file's bytes, in the transfer syntax that the pixels have already."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID")
    if syntax.is_encapsulated and "PixelData" in dataset:
        dataset["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True, overwrite=True)
    return buffer.getvalue()


def make_file(
    frames: Sequence[np.ndarray], *, syntax: UID = ExplicitVRLittleEndian,
    photometric: str = "RGB", bits_stored: int | None = None, planar: int = 0,
    uid: str = f"{ROOT}.1", **elements: object,
) -> bytes:
    """A file whose samples are those given, in any syntax that can be written."""
    dataset = make_dataset(uid, **elements)
    add_pixels(dataset, frames, photometric=photometric, bits_stored=bits_stored, planar=planar,
               is_big=syntax == ExplicitVRBigEndian)
    if syntax in ENCODERS:
        dataset.PixelData = encapsulate([
            ENCODERS[syntax](np.ascontiguousarray(frame)) for frame in frames])
    elif syntax in ENCODED_BY_PYDICOM:
        dataset = dcmread(BytesIO(write(dataset)))
        dataset.compress(syntax, generate_instance_uid=False)
    return write(dataset, syntax)


def encode_jpeg(frame: np.ndarray) -> bytes:
    """A frame of RGB or grey as a baseline JPEG: YCbCr, as DICOM's YBR_FULL_422 has it."""
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def encode_wavelets(frame: np.ndarray) -> bytes:
    """A frame as a lossless JPEG 2000 codestream, colour by its reversible transform (YBR_RCT)."""
    return imagecodecs.jpeg2k_encode(frame, level=0, codecformat="J2K", reversible=True)


def encode_lossless_jpeg(frame: np.ndarray, predictor: int) -> bytes:
    """A frame as a lossless JPEG, its samples untransformed."""
    space = "GRAYSCALE" if frame.ndim == 2 else "RGB"
    return imagecodecs.jpeg8_encode(frame, lossless=True, predictor=predictor, colorspace=space,
                                    outcolorspace=space)


ENCODERS: dict[UID, Callable[[np.ndarray], bytes]] = {
    JPEGBaseline8Bit: encode_jpeg, JPEG2000Lossless: encode_wavelets,
    JPEGLossless: partial(encode_lossless_jpeg, predictor=4),
    JPEGLosslessSV1: partial(encode_lossless_jpeg, predictor=1)}


def to_ybr(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB in YBR_FULL."""
    return convert_color_space(rgb, "RGB", "YBR_FULL")


def make_bomb(num_bytes: int) -> bytes:
    """A deflated file that unpacks to `num_bytes` of zeros in a private element."""
    head = write(make_dataset(), DeflatedExplicitVRLittleEndian)
    start = head.index(b"1.2.840.10008.1.2.1.99") + 22
    element = b"\x09\0\x10\x10OB\0\0" + num_bytes.to_bytes(4, "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = packer.compress(element + bytes(num_bytes)) + packer.flush()
    meta = _cut_meta(head)
    assert start <= len(meta)
    return meta + plain


def _cut_meta(data: bytes) -> bytes:
    """The preamble and the file meta information, whose length its first element gives."""
    return data[:144 + int.from_bytes(data[140:144], "little")]


def save(path: Path, data: bytes) -> Path:
    """Write the file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
