"""Any bytes become upright sRGB pixels, or a DecodeError with a stable reason."""

import pickle
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from platform import node

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from lesionlab.core.errors import DecodeError, InputError, RemoteError
from lesionlab.imaging import jpeg
from lesionlab.imaging.decoding import (
    DEFAULT_LIMITS,
    REJECTION_REASONS,
    DecodeLimits,
    decode_image,
    decode_rgb,
    read_image_file,
)
from lesionlab.imaging.jpeg import encode_jpeg

HAM10000 = Path(__file__).parents[2] / "../shared/data/ham10000/images"
AGAIN = "copy or download the file again"


def draw_picture(width: int = 70, height: int = 48) -> Image.Image:
    """A smooth picture without any symmetry."""
    coarse = np.random.default_rng(0).integers(40, 220, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def save(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def reject(data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> tuple[str, str]:
    with pytest.raises(DecodeError) as caught:
        decode_rgb(data, limits=limits)
    assert caught.value.reason in REJECTION_REASONS
    return caught.value.reason, str(caught.value)


PICTURE = draw_picture()
PIXELS = np.asarray(PICTURE)
JPEG = save(PICTURE, "JPEG", quality=95, subsampling=0)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_their_exact_pixels(file_format: str) -> None:
    decoded = decode_image(save(PICTURE, file_format))
    np.testing.assert_array_equal(decoded.rgb, PIXELS)
    assert decoded.file_format == file_format
    assert (decoded.width, decoded.height) == (70, 48)
    assert not decoded.is_storable


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_give_nearly_their_pixels(file_format: str) -> None:
    assert mean_difference(decode_rgb(save(PICTURE, file_format)), PIXELS) < 8


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_rgb(data), np.asarray(frames[0]))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_comes_out_upright(file_format: str, orientation: int) -> None:
    turns = Image.Transpose
    undo = [None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM]
    undo += [turns.TRANSPOSE, turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270]
    turn = undo[orientation - 1]
    stored = PICTURE if turn is None else PICTURE.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(save(stored, file_format, exif=exif, quality=95))
    assert decoded.rgb.shape == (48, 70, 3)
    assert (decoded.width, decoded.height) == (70, 48)
    assert mean_difference(decoded.rgb, PIXELS) < 4
    reduced = decode_image(save(stored, file_format, exif=exif), short_side=24)
    assert reduced.rgb.shape == (24, 35, 3)


def test_a_broken_exif_block_is_no_orientation() -> None:
    data = save(PICTURE, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode_rgb(data).shape == (48, 70, 3)


def test_cmyk_jpegs_with_and_without_adobe_inversion_keep_their_colours() -> None:
    data = save(PICTURE.convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert mean_difference(decode_rgb(data), PIXELS) < 4
    assert decode_rgb(data, short_side=20).shape == (20, 30, 3)
    assert not decode_image(data).is_storable


def test_ycck_jpegs_keep_their_colours() -> None:
    # Pillow writes no YCCK; it is a CMYK file that holds YCbCr and whose Adobe marker says 2.
    channels = [*PICTURE.convert("YCbCr").split(), Image.new("L", PICTURE.size)]
    stored = Image.merge("CMYK", channels)
    data = bytearray(save(stored, "JPEG", quality=95, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    assert mean_difference(decode_rgb(bytes(data)), PIXELS) < 4


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_grey_pictures_have_three_equal_channels(file_format: str) -> None:
    grey = PICTURE.convert("L")
    rgb = decode_rgb(save(grey, file_format))
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])
    assert mean_difference(rgb[..., 1], np.asarray(grey)) < 4


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(file_format: str) -> None:
    grey = np.asarray(PICTURE.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(decode_rgb(save(deep, file_format))[..., 0], grey)


def test_32_bit_integers_in_the_16_bit_range_are_scaled() -> None:
    grey = np.asarray(PICTURE.convert("L"))
    deep = Image.fromarray(grey.astype(np.int32) * 257)
    np.testing.assert_array_equal(decode_rgb(save(deep, "TIFF"))[..., 0], grey)


def test_one_bit_becomes_black_and_white() -> None:
    stripes = np.tile(np.array([False, True]), (20, 10))
    rgb = decode_rgb(save(Image.fromarray(stripes), "PNG"))
    np.testing.assert_array_equal(rgb[..., 0], np.where(stripes, 255, 0))


def test_palettes_are_looked_up() -> None:
    palette = PICTURE.quantize(200)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(decode_rgb(save(palette, "PNG")), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    rgb = decode_rgb(save(image.convert(mode), "PNG"))
    assert (rgb[:, :10] == 0).all()
    assert (rgb[:, 10:] == 255).all()


def linear_profile() -> bytes:
    """sRGB's profile with its tone curves replaced by gamma 1."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(struct.unpack(">I", data[128:132])[0]):
        name, offset, _ = struct.unpack(">4sII", data[132 + 12 * index : 144 + 12 * index])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + 12] = b"curv" + bytes(8)
    return bytes(data)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_colour_profile_is_converted_to_srgb(file_format: str) -> None:
    middle = Image.new("RGB", (32, 32), (128, 128, 128))
    decoded = decode_image(save(middle, file_format, icc_profile=linear_profile()))
    # Linear 128/255 is 188 in sRGB: 1.055 * 0.502 ** (1 / 2.4) - 0.055 = 0.737.
    assert abs(int(decoded.rgb.mean().round()) - 188) <= 1
    assert not decoded.is_profile_ignored
    assert not decoded.is_storable


def test_an_rgb_profile_on_a_grey_picture_is_applied() -> None:
    middle = Image.new("L", (32, 32), 128)
    decoded = decode_image(save(middle, "JPEG", icc_profile=linear_profile()))
    assert abs(int(decoded.rgb.mean().round()) - 188) <= 1


def test_a_broken_profile_is_ignored_and_said() -> None:
    decoded = decode_image(save(PICTURE, "PNG", icc_profile=b"no profile"))
    np.testing.assert_array_equal(decoded.rgb, PIXELS)
    assert decoded.is_profile_ignored


def test_only_a_bare_jpeg_that_was_not_reduced_is_storable() -> None:
    exif = Image.Exif()
    exif[0x010E] = "the patient's name"
    assert decode_image(JPEG).is_storable
    assert decode_image(JPEG, short_side=48).is_storable
    assert decode_image(save(PICTURE, "JPEG", progressive=True)).is_storable
    assert decode_image(save(PICTURE.convert("L"), "JPEG")).is_storable
    assert not decode_image(JPEG, short_side=47).is_storable
    assert not decode_image(save(PICTURE, "JPEG", exif=exif)).is_storable
    assert not decode_image(save(PICTURE, "JPEG", comment="the patient's name")).is_storable


@given(
    width=st.integers(16, 300),
    height=st.integers(16, 300),
    short_side=st.integers(1, 320),
    file_format=st.sampled_from(["JPEG", "BMP"]),
)
@settings(max_examples=60, deadline=None)
def test_the_shorter_side_is_exact_and_never_enlarged(
    width: int, height: int, short_side: int, file_format: str
) -> None:
    data = save(draw_picture(width, height), file_format)
    side = min(short_side, width, height)
    expected = (-(-height * side // min(width, height)), -(-width * side // min(width, height)))
    first = decode_rgb(data, short_side=short_side)
    assert first.shape == (*expected, 3)
    np.testing.assert_array_equal(first, decode_rgb(data, short_side=short_side))


def test_scaled_decoding_agrees_with_reducing_the_whole() -> None:
    large = draw_picture(700, 480)
    data = save(large, "JPEG", quality=95, subsampling=0)
    for side in (31, 60, 100, 250, 420):
        scaled = decode_rgb(data, short_side=side)
        size = (scaled.shape[1], scaled.shape[0])
        whole = np.asarray(large.resize(size, Image.Resampling.BICUBIC))
        assert mean_difference(scaled, whole) < 1.5


def test_encoding_is_deterministic_and_near_lossless() -> None:
    assert encode_jpeg(PIXELS) == encode_jpeg(np.asfortranarray(PIXELS))
    assert mean_difference(decode_rgb(encode_jpeg(PIXELS)), PIXELS) < 1.5


def test_an_empty_file_is_rejected() -> None:
    assert reject(b"") == ("empty", f"the file is empty (0 bytes); {AGAIN}")


@pytest.mark.parametrize("data", [b"<html>gone</html>", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_image_is_rejected(data: bytes) -> None:
    assert reject(data) == (
        "not_an_image",
        (
            f"no image format starts with the bytes {data[:8].hex(' ')}; "
            "give JPEG, PNG, BMP, TIFF, WebP, GIF or DICOM"
        ),
    )


def test_a_format_that_is_not_decoded_is_named() -> None:
    assert reject(bytes(4) + b"ftypheic") == (
        "unsupported",
        "HEIC files are not decoded; convert it to JPEG, PNG or TIFF",
    )


def test_floating_point_samples_are_unsupported() -> None:
    assert reject(save(PICTURE.convert("F"), "TIFF")) == (
        "unsupported",
        (
            "the image holds mode F, which has no one meaning as a colour; "
            "save it with 8 or 16 bits a channel"
        ),
    )


def test_32_bit_integers_beyond_16_bits_are_unsupported() -> None:
    wide = Image.fromarray(np.full((20, 20), 70_000, np.int32))
    assert reject(save(wide, "TIFF")) == (
        "unsupported",
        (
            "the image holds integers from 70,000 to 70,000, which has no one meaning as a colour; "
            "save it with 8 or 16 bits a channel"
        ),
    )


def test_a_12_bit_jpeg_is_unsupported() -> None:
    data = bytearray(JPEG)
    data[data.index(b"\xff\xc0") + 4] = 12
    assert reject(bytes(data)) == (
        "unsupported",
        (
            "this kind of JPEG is not decoded (cannot handle 12-bit layers); "
            "save it with 8 or 16 bits a channel"
        ),
    )


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_cut_anywhere_is_truncated(options: dict[str, bool]) -> None:
    data = save(PICTURE, "JPEG", **options)
    for length in range(3, len(data), 7):
        assert reject(data[:length])[0] == "truncated"


def test_a_truncated_jpeg_says_so() -> None:
    assert reject(JPEG[:-40]) == (
        "truncated",
        (
            f"the JPEG ends before its picture does ({len(JPEG) - 40:,} bytes: "
            f"Premature end of JPEG file); {AGAIN}"
        ),
    )


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_the_first_half_of_a_file_is_truncated(file_format: str) -> None:
    data = save(PICTURE, file_format)
    reason, message = reject(data[: len(data) // 2])
    assert reason == "truncated"
    assert message.startswith(f"the {file_format} ends before its picture does (")


def test_bytes_after_a_jpeg_are_ignored() -> None:
    decoded = decode_image(JPEG + bytes(100))
    np.testing.assert_array_equal(decoded.rgb, decode_rgb(JPEG))


def test_stray_bytes_before_the_end_of_a_jpeg_are_harmless() -> None:
    decoded = decode_image(JPEG[:-2] + bytes(range(1, 9)) + JPEG[-2:])
    assert mean_difference(decoded.rgb, decode_rgb(JPEG)) < 0.5
    assert not decoded.is_storable


def test_an_unusual_chroma_sampling_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("Could not determine subsampling level of JPEG image")

    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", refuse)
    assert mean_difference(decode_rgb(JPEG), PIXELS) < 2


def test_a_jpeg_with_missing_data_is_truncated() -> None:
    cut = JPEG.index(b"\xff\xda") + 300
    assert reject(JPEG[:cut] + b"\xff\xd9") == (
        "truncated",
        (
            f"the JPEG ends before its picture does ({cut + 2:,} bytes: "
            f"Corrupt JPEG data: premature end of data segment); {AGAIN}"
        ),
    )


def test_a_corrupt_png_is_rejected() -> None:
    data = bytearray(save(PICTURE, "PNG"))
    data[data.index(b"IHDR") + 6] ^= 1
    assert reject(bytes(data)) == (
        "corrupt",
        f"the PNG is damaged (broken PNG file (bad header checksum in b'IHDR')); {AGAIN}",
    )


def test_a_decompression_bomb_is_rejected_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    assert reject(data) == (
        "too_many_pixels",
        (
            "the header says 60,000 x 60,000 pixels, over the limit of 100,000,000; "
            "reduce it, or raise DecodeLimits.max_pixels"
        ),
    )


def test_a_picture_under_16_pixels_is_too_small() -> None:
    assert reject(save(Image.new("RGB", (300, 15)), "PNG")) == (
        "too_small",
        (
            "the picture has 300 x 15 pixels, and a shorter side under 16 shows no lesion; "
            "give a larger version of it"
        ),
    )


def test_too_large_a_file_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    message = (
        "the file has 1,000 bytes, over the limit of 999; "
        "reduce it, or raise DecodeLimits.max_bytes"
    )
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(1000))
    with pytest.raises(DecodeError) as caught:
        read_image_file(path, DecodeLimits(max_bytes=999))
    assert (caught.value.reason, str(caught.value)) == ("too_large_file", message)
    assert reject(bytes(1000), DecodeLimits(max_bytes=999)) == ("too_large_file", message)


@pytest.mark.parametrize(
    ("name", "why"), [("gone.jpg", "No such file or directory"), ("", "Is a directory")]
)
def test_an_unreadable_file_is_rejected(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_image_file(tmp_path / name)
    assert caught.value.reason == "unreadable"
    assert str(caught.value) == (
        f"{tmp_path / name} cannot be read ({why}); check that the file is there and may be read"
    )


def test_a_folder_that_is_gone_is_no_fault_of_its_images(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        read_image_file(tmp_path / "unmounted" / "picture.jpg")
    assert str(caught.value) == (
        f"{tmp_path / 'unmounted'} is not there on {node()}; images are read by the workers: "
        "give a URL, or a folder that all machines have under this name"
    )


def test_a_readable_file_gives_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    assert read_image_file(path) == JPEG


def test_a_decode_error_survives_pickling() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_rgb(b"")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.reason, str(copy)) == (caught.value.reason, str(caught.value))


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        decode_rgb(JPEG, short_side=0)
    assert str(caught.value) == "short_side is 0; give 1 or more, or None for full size"
    with pytest.raises(InputError) as caught:
        DecodeLimits(min_side=0)
    assert str(caught.value) == "DecodeLimits.min_side is 0; give 1 or more"


def assert_decodes_or_rejects(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            rgb = decode_rgb(data, short_side=40, limits=DecodeLimits(max_pixels=10**6))
        except DecodeError as error:
            assert error.reason in REJECTION_REASONS
        else:
            assert rgb.dtype == np.uint8
            assert rgb.ndim == 3 and rgb.shape[2] == 3


SIGNATURES = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"GIF89a"]


@given(signature=st.sampled_from(SIGNATURES), data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_decode_or_are_rejected(signature: bytes, data: bytes) -> None:
    assert_decodes_or_rejects(signature + data)


SEEDS = [save(PICTURE, name) for name in ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")]
SEEDS += [
    save(PICTURE.convert("CMYK"), "JPEG"),
    save(PICTURE, "JPEG", progressive=True, icc_profile=linear_profile()),
    save(PICTURE, "TIFF", compression="tiff_lzw"),
    save(PICTURE, "TIFF", compression="jpeg"),
]


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=12),
    in_header=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_damaged_files_decode_or_are_rejected(
    seed: bytes, edits: list[tuple[int, int]], in_header: bool
) -> None:
    data = bytearray(seed)
    for position, value in edits:
        data[position % (min(len(data), 200) if in_header else len(data))] = value
    assert_decodes_or_rejects(bytes(data))


@pytest.mark.skipif(
    not HAM10000.is_dir(), reason="the HAM10000 images are not beside this checkout"
)
def test_real_dermoscopy_files_decode_whole_and_are_truncated_when_cut() -> None:
    for path in sorted(HAM10000.iterdir())[::1000]:
        data = read_image_file(path)
        decoded = decode_image(data, short_side=256)
        assert decoded.rgb.shape == (decoded.height, decoded.width, 3)
        assert decoded.is_storable
        assert min(decode_rgb(data, short_side=224).shape[:2]) == 224
        for length in range(3, len(data), 997):
            assert reject(data[:length])[0] == "truncated"
