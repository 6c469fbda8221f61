"""Every file ends as an upright RGB JPEG or with the reason why not, and copies are found."""

import hashlib
import time
import zlib
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from lesion_files import SIDE, build, draw_lesion, encode, name_ids, read_folder, write_cohort
from PIL import Image

from lesionlab.core.errors import CohortError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.screening import find_copies
from lesionlab.dataset.store import ImageStore, write_shard
from lesionlab.imaging.decoding import DecodeLimits

LIMITS = DecodeLimits(max_bytes=20_000, max_pixels=1_000_000)
AGAIN = "copy or download the file again"


# Files that cannot be read

BOMB = bytearray(encode(draw_lesion(0), "PNG"))
BOMB[16:24] = (60_000).to_bytes(4, "big") * 2
BOMB[29:33] = zlib.crc32(bytes(BOMB[12:29])).to_bytes(4, "big")
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8))
JPEG = encode(draw_lesion(1))

BROKEN = {
    "ISIC_0000001.jpg": (b"", "empty", f"the file is empty (0 bytes); {AGAIN}"),
    "ISIC_0000002.jpg": (b"<html></html>", "not_an_image",
        ("no image format starts with the bytes 3c 68 74 6d 6c 3e 3c 2f; give JPEG, PNG, BMP, "
        "TIFF, WebP, GIF or DICOM")),
    "ISIC_0000003.jpg": (JPEG[:-400], "truncated",
        (f"the JPEG ends before its picture does ({len(JPEG) - 400:,} bytes: Premature end of JPEG "
        f"file); {AGAIN}")),
    "ISIC_0000004.png": (encode(NOISE, "PNG"), "too_large_file",
        (f"the file has {len(encode(NOISE, 'PNG')):,} bytes, over the limit of 20,000; reduce it, "
        "or raise DecodeLimits.max_bytes")),
    "ISIC_0000005.png": (bytes(BOMB), "too_many_pixels",
        ("the header says 60,000 x 60,000 pixels, over the limit of 1,000,000; reduce it, or raise "
        "DecodeLimits.max_pixels")),
    "ISIC_0000006.jpg": (encode(draw_lesion(6, (40, 15))), "too_small",
        ("the picture has 40 x 15 pixels, and a shorter side under 16 shows no lesion; give a "
        "larger version of it")),
    "ISIC_0000007.heic": (b"\0\0\0\0ftypheic", "unsupported",
        "HEIC files are not decoded; convert it to JPEG, PNG or TIFF"),
    "ISIC_0000008.png": (encode(Image.new("RGB", (66_000, 15 + 1)).convert("1"), "PNG"),
        "too_many_pixels", ("the header says 66,000 x 16 pixels, over the limit of 1,000,000; "
        "reduce it, or raise DecodeLimits.max_pixels")),
}


def test_a_broken_file_is_left_out_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 40,
                          {name: data for name, (data, _, _) in BROKEN.items()})
    gone = source / "images" / "ISIC_0000009.jpg"
    gone.unlink()
    gone.symlink_to(source / "nowhere.jpg")
    data = build(source, tmp_path / "data", limits=LIMITS)
    reasons = {name[:12]: (reason, detail) for name, (_, reason, detail) in BROKEN.items()}
    reasons["ISIC_0000009"] = ("unreadable", ("ISIC_0000009 cannot be read (No such file or "
                               "directory); check that the file is there and may be read"))
    assert data.manifest["dropped"] == [
        {"isic_id": isic_id, "source": "clinic", "reason": reason, "detail": detail}
        for isic_id, (reason, detail) in reasons.items()]
    assert data.manifest["counts"]["rejected_images"] == dict(sorted(
        Counter(reason for reason, _ in reasons.values()).items()))
    assert list(data.cohort.ids) == [name for name in name_ids(40) if name not in reasons]
    assert list(data.store.ids) == list(data.cohort.ids)


def test_a_picture_too_long_for_a_jpeg_is_left_out(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 30, {
        "ISIC_0000001.png": encode(Image.new("RGB", (66_000, 16)), "PNG")})
    assert build(source, tmp_path / "data").manifest["dropped"] == [{
        "isic_id": "ISIC_0000001", "source": "clinic", "reason": "unsupported",
        "detail": "the picture is kept as 66,000 x 16 pixels, and a JPEG has at most 65,500 on a "
                  "side; cut the lesion out"}]


def test_a_cohort_without_one_good_file_is_an_error(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 3, dict.fromkeys(name_ids(3), b""))
    table = source / "metadata.csv"
    table.write_text(table.read_text().replace("2,Benign", "2,Indeterminate"))
    with pytest.raises(CohortError) as caught:
        build(source, tmp_path / "data")
    assert str(caught.value) == (
        "none of 3 images is left: 1 Indeterminate, 2 empty; for instance ISIC_0000000: the file "
        f"is empty (0 bytes); {AGAIN}")
    assert [path.name for path in tmp_path.iterdir()] == ["clinic"]


# What is stored


def read_images(data: PreparedData) -> list[Image.Image]:
    for isic_id in data.store.ids:
        with Image.open(BytesIO(data.store.read(isic_id))) as image:
            assert image.format == "JPEG"
            assert image.mode == "RGB"
            assert not image.getexif()
            assert "icc_profile" not in image.info
    return [Image.fromarray(data.store.decode(isic_id)) for isic_id in data.store.ids]


def test_pictures_of_every_kind_are_kept_upright_as_rgb_jpeg(tmp_path: Path) -> None:
    wide = draw_lesion(7, (72, SIDE))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    exif[0x010E] = "Jane Doe"
    turned = wide.transpose(Image.Transpose.ROTATE_90)
    deep = Image.fromarray(np.asarray(wide.convert("L")).astype(np.uint16) * 257)
    alpha = wide.copy()
    alpha.putalpha(255)
    kinds = {
        "ISIC_0000000.jpg": encode(turned, exif=exif, subsampling=0),
        "ISIC_0000001.jpg": encode(wide.convert("CMYK"), subsampling=0),
        "ISIC_0000002.png": encode(deep, "PNG"),
        "ISIC_0000003.png": encode(alpha, "PNG"),
        "ISIC_0000004.tif": encode(wide, "TIFF"),
        "ISIC_0000005.png": encode(wide.convert("L"), "PNG"),
        "ISIC_0000006.jpg": encode(wide, comment=b"Jane Doe", subsampling=0),
    }
    data = build(write_cohort(tmp_path / "clinic", 30, kinds), tmp_path / "data")
    for number, image in enumerate(read_images(data)[:len(kinds)]):
        truth = wide.convert("L").convert("RGB") if number in (2, 5) else wide
        difference = np.abs(np.asarray(image, float) - np.asarray(truth, float)).mean()
        assert image.size == (72, SIDE), number
        assert difference < 6, number
    assert data.cohort.frame["pixels_x"].iloc[:len(kinds)].tolist() == [72.0] * len(kinds)
    assert b"Jane Doe" not in b"".join(read_folder(tmp_path / "data").values())


def test_a_jpeg_that_needs_no_change_keeps_its_bytes(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 30, {
        "ISIC_0000001": encode(draw_lesion(1), exif=b"Exif\0\0"),
        "ISIC_0000002": encode(draw_lesion(2)) + b"Jane Doe, born 1950",
        "ISIC_0000003": encode(draw_lesion(3, (96, 80)))})
    data = build(source, tmp_path / "data", size_px=64)
    changed = [isic_id for isic_id in data.store.ids if data.store.read(isic_id)
               != (source / "images" / f"{isic_id}.jpg").read_bytes()]
    assert changed == ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003"]
    assert data.store.decode("ISIC_0000003").shape == (64, 77, 3)
    assert b"born 1950" not in b"".join(read_folder(tmp_path / "data").values())


# Copies


def write_store(folder: Path, shas: list[str], hashes: list[int]) -> ImageStore:
    grain = np.random.default_rng(0)
    rows = [{"isic_id": isic_id, "image": b"", "sha256": sha, "perceptual_hash": number,
             "thumbnail": grain.integers(0, 255, 1024, dtype=np.uint8).tobytes()}
            for isic_id, sha, number in zip(name_ids(len(shas)), shas, hashes, strict=True)]
    for start in range(0, len(rows), 4096):
        write_shard(folder / f"{start:06d}.arrow", rows[start:start + 4096])
    return ImageStore(folder=folder)


def test_format_and_quality_of_the_original_are_in_the_store_and_not_in_the_cohort(
    tmp_path: Path
) -> None:
    source = write_cohort(tmp_path / "clinic", 30, {
        "ISIC_0000001.png": encode(draw_lesion(1), "PNG"),
        "ISIC_0000002": encode(draw_lesion(2), quality=35)})
    data = build(source, tmp_path / "data", size_px=32)
    formats, qualities = (data.store.column(name) for name in ("file_format", "jpeg_quality"))
    assert formats.iloc[:3].tolist() == ["JPEG", "PNG", "JPEG"]
    assert qualities.iloc[[0, 2, 3]].tolist() == [95, 35, 95]
    assert np.isnan(qualities["ISIC_0000001"])
    assert not {"file_format", "jpeg_quality"} & set(data.cohort.frame)


def test_every_exact_copy_is_named_beside_the_first(tmp_path: Path) -> None:
    # Far hashes: the bytes alone tell.
    store = write_store(tmp_path, list("abacab"), [0, 2**20 - 1, 2**40 - 1, 2**60 - 1, 5, 9])
    ids = name_ids(6)
    assert [pair for pair in find_copies(store) if pair[2] == "exact"] == [
        (ids[0], ids[2], "exact"), (ids[0], ids[4], "exact"), (ids[1], ids[5], "exact")]


def test_an_empty_store_has_no_copies(tmp_path: Path) -> None:
    assert find_copies(write_store(tmp_path, [], [])) == []


def test_copies_among_20_000_images_are_found_in_seconds(tmp_path: Path) -> None:
    hashes = np.random.default_rng(1).integers(0, 2**63, 20_000).tolist()
    shas = [hashlib.sha256(str(number // 2).encode()).hexdigest() for number in range(20_000)]
    store = write_store(tmp_path, shas, hashes)
    began = time.perf_counter()
    assert len(find_copies(store)) == 10_000
    assert time.perf_counter() - began < 4


def test_a_few_files_are_spread_over_several_tasks(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 40)
    data = build(source, tmp_path / "data")
    shards = sorted((data.folder / "images").iterdir())
    assert [ImageStore(folder=tmp_path / "data" / "images").ids.size, len(shards)] == [40, 3]
