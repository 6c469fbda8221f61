"""What is fuzzed: the decoder and the readers, each with its seeds and its law."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from lesionlab.core.errors import DecodeError, LesionLabError
from lesionlab.imaging.decoding import REJECTION_REASONS, DecodeLimits, decode_image
from lesionlab.phantoms.making import phantom
from lesionlab.sources.inputs_table import read_inputs
from lesionlab.sources.reading import read_sources
from measuring import ROOT

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "sources")]
from layout_samples import KEY, WRITERS, sample_columns, sample_files, write_files  # noqa: E402

from dicom_files import LOSSLESS, JPEGBaseline8Bit, make_file, to_ybr  # noqa: E402

SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"WEBP", b"GIF89a",
              b"DICM", b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"IDAT",
              b"IEND", b"Exif\0\0", b"ICC_PROFILE\0", b"Adobe", b"VP8 ", b"VP8L", b"VP8X", b"ALPH",
              b"ANIM", b"ANMF")
LIMITS = DecodeLimits(max_pixels=10**6)
TABLES = (".csv", ".txt", ".parquet")
INPUTS = ("inputs.csv", "inputs.parquet")
"""Tables of what is known of images to be predicted, in the place of a sample."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One function that any bytes may be given to."""

    check: Callable[[bytes], None]
    """Raises what the code under test must not raise, and AssertionError where its law breaks."""
    seeds: Callable[[], Iterator[bytes]]
    words: Callable[[], set[bytes]]
    """What is put into the bytes besides chance."""


def decode(data: bytes) -> None:
    """Any bytes are pixels or a DecodeError with a known reason."""
    side = 20 if len(data) % 2 else None
    try:
        found = decode_image(data, frame=len(data) // 2 % 2, short_side=side, limits=LIMITS)
    except DecodeError as error:
        assert error.reason in REJECTION_REASONS, error.reason
        return
    height, width, _ = found.rgb.shape
    assert found.rgb.dtype == np.uint8
    assert (height, width) == (found.height, found.width) or min(height, width) == side


def draw_seeds() -> Iterator[bytes]:
    """A phantom in every format and kind of sample that is decoded."""
    with tempfile.TemporaryDirectory() as folder:
        phantom(Path(folder) / "cohort", patients=2, image_size=(40, 32))
        first = min((Path(folder) / "cohort" / "images").iterdir())
        picture = Image.open(first).convert("RGB").resize((40, 32))
    yield from _draw_pictures(picture)
    yield from _draw_dicom(np.asarray(picture))


def _draw_pictures(picture: Image.Image) -> Iterator[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clear = picture.convert("RGBA")
    clear.putalpha(100)
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    kinds = [picture, picture.convert("L"), picture.quantize(16), picture.convert("1"), clear, deep]
    for image in kinds:
        for file_format in ("PNG", "TIFF"):
            yield _encode(image, file_format)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield _encode(picture, "TIFF", compression=compression)
    yield _encode(picture.convert("1"), "TIFF", compression="group4")
    yield _encode(picture, "PNG", exif=exif, icc_profile=profile)
    for options in ({}, {"progressive": True}, {"exif": exif, "icc_profile": profile},
                    {"subsampling": 0}):
        yield _encode(picture, "JPEG", **options)
    yield _encode(picture.convert("L"), "JPEG")
    yield _encode(picture.convert("CMYK"), "JPEG")
    for image in (picture, picture.convert("L"), picture.quantize(16), picture.convert("1")):
        yield _encode(image, "BMP")
    for options in ({}, {"lossless": True}, {"exif": exif}):
        yield _encode(picture, "WEBP", **options)
    yield _encode(clear, "WEBP")
    yield _encode(picture, "GIF")
    yield _encode(picture, "GIF", save_all=True, append_images=[picture.rotate(90)])


def _draw_dicom(rgb: np.ndarray) -> Iterator[bytes]:
    grey = rgb[..., 0].copy()
    deep = grey.astype(np.uint16) * 257
    for syntax in LOSSLESS:
        wavelets = str(syntax).startswith("1.2.840.10008.1.2.4.9")
        yield make_file([rgb, rgb[::-1]], syntax=syntax,
                        photometric="YBR_RCT" if wavelets else "RGB")
        yield make_file([grey], syntax=syntax, photometric="MONOCHROME2")
    yield make_file([rgb], syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    yield make_file([to_ybr(rgb)], photometric="YBR_FULL_422")
    yield make_file([rgb], planar=1)
    yield make_file([deep], photometric="MONOCHROME1", bits_stored=12, RescaleSlope=2,
                    RescaleIntercept=-5)
    yield make_file([grey], photometric="MONOCHROME2", WindowCenter=90, WindowWidth=50)
    table = np.arange(256, dtype=np.uint16).tobytes()
    yield make_file([grey], photometric="PALETTE COLOR", **{
        f"{colour}PaletteColorLookupTable{part}": value for colour in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [256, 0, 16]), ("Data", table))})


def _encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@cache
def list_places() -> list[tuple[str, str]]:
    """What the first byte of an input stands for: a sample and the file in it that is replaced."""
    return [*((sample, name) for sample in WRITERS for name in sample_files(sample)
              if name.endswith((*TABLES, ".hdf5", ".dcm"))), *(("inputs", name) for name in INPUTS)]


@cache
def write_samples() -> Path:
    """A folder with every sample and a key of pseudonyms."""
    home = Path(tempfile.mkdtemp())
    for sample in WRITERS:
        write_files(home / sample, sample_files(sample))
    (home / "pseudonym.key").write_text(KEY)
    (home / "pseudonym.key").chmod(0o600)
    return home


def read(data: bytes) -> None:
    """Any bytes in the place of a file are data, every row accounted for, or an error of ours."""
    places = list_places()
    sample, name = places[(data[0] if data else 0) % len(places)]
    # A new name each time, for files of images are kept open by their names.
    folder = Path(tempfile.mkdtemp()) / "set"
    try:
        if sample != "inputs":
            shutil.copytree(write_samples() / sample, folder, copy_function=os.link)
            (folder / name).unlink()
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data[1:])
        if sample == "inputs":
            assert read_inputs(folder / name).rows.index.is_unique
        else:
            _read_sample(folder, sample)
    except LesionLabError as error:
        assert str(error)
    finally:
        shutil.rmtree(folder.parent)


def _read_sample(folder: Path, sample: str) -> None:
    found = read_sources([folder], columns=sample_columns(sample),
                         pseudonym_key=write_samples() / "pseudonym.key")
    (info,) = found.sources
    assert info.num_rows == len(found.cohort) + len(found.dropped)
    assert {*found.addresses} == {*found.cohort.ids}
    if sample == "slice3d":
        for address in found.addresses.values():
            address.read(LIMITS)


def list_tables() -> Iterator[bytes]:
    """Every file that is replaced, as it was."""
    likes = dict(zip(INPUTS, ("isic-client", "parquet"), strict=True))
    for place, (sample, name) in enumerate(list_places()):
        files = sample_files(likes.get(name, sample))
        yield bytes([place]) + files[name.replace("inputs", "metadata")]


def list_words() -> set[bytes]:
    """The cells of all tables, and what tables are broken by."""
    texts = [data for sample in WRITERS for name, data in sample_files(sample).items()
             if name.endswith((".csv", ".txt"))]
    cells = {cell.strip() for text in texts for cell in re.split(rb"[,;|\n]", text)}
    return {cell for cell in cells if 1 < len(cell) < 60} | {
        b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b'""', b"9" * 40, b"1e400", b"nan", b"-1"}


TARGETS = {
    "decoder": Target(check=decode, seeds=draw_seeds, words=lambda: set(SIGNATURES)),
    "tables": Target(check=read, seeds=list_tables, words=list_words),
}
