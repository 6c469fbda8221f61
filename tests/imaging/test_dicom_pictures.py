"""DICOM files of every kind become upright sRGB pixels, or a DecodeError that names nobody."""

import struct
import threading
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from dicom_files import (
    LOSSLESS,
    NATIVE,
    add_pixels,
    draw_frame,
    encode_jpeg,
    make_bomb,
    make_dataset,
    make_file,
    to_ybr,
    write,
)
from lesionlab.core.errors import DecodeError
from lesionlab.imaging.decoding import (
    DEFAULT_LIMITS,
    REJECTION_REASONS,
    DecodedImage,
    DecodeLimits,
    decode_image,
    decode_rgb,
)

FRAMES = [draw_frame(0), draw_frame(1), draw_frame(2)]
GREY = FRAMES[0][..., 0].copy()
DEEP = GREY.astype(np.uint16) * 257
AGAIN = "copy or export the file again"
NAME = "DOE^JANE"
TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def as_grey(rgb: np.ndarray) -> np.ndarray:
    """The one channel of a picture of three equal ones."""
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0]


def reject(data: bytes, frame: int = 0, limits: DecodeLimits = DEFAULT_LIMITS) -> tuple[str, str]:
    with pytest.raises(DecodeError) as caught:
        decode_rgb(data, frame=frame, limits=limits)
    assert caught.value.reason in REJECTION_REASONS
    assert caught.value.__cause__ is None  # whose text would stand in a traceback
    return caught.value.reason, str(caught.value)


def change(data: bytes, **elements: object) -> bytes:
    """The file with other values, written as it was."""
    dataset = dcmread(BytesIO(data))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return write(dataset, dataset.file_meta.TransferSyntaxUID)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
def test_each_frame_of_a_lossless_file_gives_its_exact_pixels(syntax: UID) -> None:
    photometric = "YBR_RCT" if syntax == JPEG2000Lossless else "RGB"
    data = make_file(FRAMES, syntax=syntax, photometric=photometric)
    for number, frame in enumerate(FRAMES):
        decoded = decode_image(data, frame=number)
        np.testing.assert_array_equal(decoded.rgb, frame)
    assert (decoded.file_format, decoded.width, decoded.height) == ("DICOM", 40, 32)
    assert not decoded.is_storable and not decoded.is_profile_ignored


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.keyword)
def test_planes_and_odd_sizes_are_read(syntax: UID) -> None:
    odd = [draw_frame(seed, 17, 19) for seed in (0, 1)]
    for planar in (0, 1):
        data = make_file(odd, syntax=syntax, planar=planar)
        np.testing.assert_array_equal(decode_rgb(data, frame=1), odd[1])


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_FULL"])
def test_a_jpeg_gives_nearly_its_pixels_whatever_the_header_calls_its_colours(
    photometric: str,
) -> None:
    # JFIF says YCbCr; the header of many a file says RGB all the same.
    rgb = decode_rgb(make_file(FRAMES, syntax=JPEGBaseline8Bit, photometric=photometric), frame=2)
    assert np.abs(rgb.astype(int) - FRAMES[2]).mean() < 4


def test_a_jpeg_of_rgb_samples_without_a_marker_is_taken_as_rgb() -> None:
    import imagecodecs

    stream = imagecodecs.jpeg8_encode(FRAMES[0], level=98, colorspace="RGB", outcolorspace="RGB")
    assert b"JFIF" not in stream
    stream = stream.replace(stream[2:stream.index(b"\xff\xdb")], b"", 1)  # Adobe's marker
    assert b"Adobe" not in stream
    dataset = make_dataset()
    add_pixels(dataset, FRAMES[:1])
    dataset.PixelData = encapsulate([stream])
    rgb = decode_rgb(write(dataset, JPEGBaseline8Bit))
    assert np.abs(rgb.astype(int) - FRAMES[0]).mean() < 3


def test_a_jpeg_is_reduced_while_it_is_decoded_and_others_after_it() -> None:
    large = [draw_frame(3, 480, 640)]
    plain = decode_rgb(make_file(large), short_side=60)
    jpeg = decode_rgb(make_file(large, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422"),
                      short_side=60)
    assert plain.shape == jpeg.shape == (60, 80, 3)
    assert np.abs(plain.astype(int) - jpeg).mean() < 3


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.keyword)
def test_luminance_and_chrominance_become_colours(syntax: UID) -> None:
    full = make_file([to_ybr(FRAMES[0])], syntax=syntax, photometric="YBR_FULL")
    assert np.abs(decode_rgb(full).astype(int) - FRAMES[0]).max() <= 2
    shared = make_file([to_ybr(frame) for frame in FRAMES], syntax=syntax,
                       photometric="YBR_FULL_422")
    assert np.abs(decode_rgb(shared, frame=2).astype(int) - FRAMES[2]).mean() < 4


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
def test_grey_is_scaled_from_the_full_range_of_its_bits(syntax: UID) -> None:
    for samples, bits in ((GREY, 8), (DEEP, 16), (DEEP >> 4, 12)):
        data = make_file([samples], syntax=syntax, photometric="MONOCHROME2", bits_stored=bits)
        np.testing.assert_array_equal(as_grey(decode_rgb(data)), GREY)


def test_a_12_bit_jpeg_is_read() -> None:
    import imagecodecs

    samples = DEEP >> 4
    dataset = make_dataset()
    add_pixels(dataset, [samples], photometric="MONOCHROME2", bits_stored=12)
    dataset.PixelData = encapsulate([imagecodecs.jpeg8_encode(samples, level=98, bitspersample=12)])
    rgb = as_grey(decode_rgb(write(dataset, JPEGExtended12Bit)))
    assert np.abs(rgb.astype(int) - GREY).max() <= 3


def test_signed_samples_are_scaled_from_their_own_range() -> None:
    signed = (DEEP.astype(np.int32) - 32_768).astype(np.int16)
    data = make_file([signed], photometric="MONOCHROME2")
    np.testing.assert_array_equal(as_grey(decode_rgb(data)), GREY)


def test_white_is_low_in_monochrome1() -> None:
    data = make_file([GREY], photometric="MONOCHROME1")
    np.testing.assert_array_equal(as_grey(decode_rgb(data)), 255 - GREY)


def test_16_bit_colour_is_scaled_not_clipped() -> None:
    data = make_file([FRAMES[0].astype(np.uint16) * 257])
    np.testing.assert_array_equal(decode_rgb(data), FRAMES[0])


@pytest.mark.parametrize("elements", [
    {"WindowCenter": 100.5, "WindowWidth": 101},
    {"WindowCenter": [100.5, 9], "WindowWidth": [101, 2]},
    {"WindowCenter": 100, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"},
    {"WindowCenter": 1100.5, "WindowWidth": 101, "RescaleSlope": 1, "RescaleIntercept": 1000},
])
def test_grey_is_shown_through_the_first_window_of_the_file(elements: dict[str, object]) -> None:
    rgb = as_grey(decode_rgb(make_file([GREY], photometric="MONOCHROME2", **elements)))
    expected = np.clip((GREY.astype(float) - 50) / 100, 0, 1) * 255
    assert np.abs(rgb - expected).max() <= 1


def test_grey_is_shown_through_the_lookup_table_of_the_file() -> None:
    item = Dataset()
    item.LUTDescriptor = [256, 0, 8]
    item.LUTData = np.arange(255, -1, -1, dtype="<u2").tobytes()
    data = make_file([GREY], photometric="MONOCHROME2", VOILUTSequence=[item])
    np.testing.assert_array_equal(as_grey(decode_rgb(data)), 255 - GREY)


def test_an_empty_window_is_none() -> None:
    data = make_file([GREY], photometric="MONOCHROME2", WindowCenter=None, WindowWidth=None)
    np.testing.assert_array_equal(as_grey(decode_rgb(data)), GREY)


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes_are_looked_up(bits: int) -> None:
    palette = Image.fromarray(FRAMES[0]).quantize(64)
    colours = np.zeros((256, 3), np.uint8)
    given_colours = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)
    colours[:len(given_colours)] = given_colours
    wide = colours.astype("<u2") * 257 if bits == 16 else colours
    tables = {f"{name}PaletteColorLookupTableData": wide[:, k].tobytes()
              for k, name in enumerate(("Red", "Green", "Blue"))}
    descriptors = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, bits]
                   for name in ("Red", "Green", "Blue")}
    for syntax in (ExplicitVRLittleEndian, RLELossless):
        data = make_file([np.asarray(palette)], photometric="PALETTE COLOR", syntax=syntax,
                         **descriptors, **tables)
        np.testing.assert_array_equal(decode_rgb(data), np.asarray(palette.convert("RGB")))


def test_one_bit_becomes_black_and_white() -> None:
    mask = GREY > 128
    dataset = make_dataset()
    add_pixels(dataset, [GREY], photometric="MONOCHROME2")
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelData = np.packbits(mask, bitorder="little").tobytes()
    np.testing.assert_array_equal(as_grey(decode_rgb(write(dataset))), np.where(mask, 255, 0))


def linear_profile() -> bytes:
    """sRGB's profile with its tone curves replaced by gamma 1."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(struct.unpack(">I", data[128:132])[0]):
        name, offset, _ = struct.unpack(">4sII", data[132 + 12 * index:144 + 12 * index])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset:offset + 12] = b"curv" + bytes(8)
    return bytes(data) + bytes(len(data) % 2)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEG2000Lossless],
                         ids=lambda uid: uid.keyword)
def test_a_colour_profile_is_converted_to_srgb(syntax: UID) -> None:
    middle = np.full((32, 32, 3), 128, np.uint8)
    photometric = {JPEGBaseline8Bit: "YBR_FULL_422", JPEG2000Lossless: "YBR_RCT"}.get(syntax, "RGB")
    path = Dataset()
    path.ICCProfile = linear_profile()
    for elements in ({"ICCProfile": linear_profile()}, {"OpticalPathSequence": [path]}):
        decoded = decode_image(make_file([middle], syntax=syntax, photometric=photometric,
                                         **elements))
        # Linear 128/255 is 188 in sRGB: 1.055 * 0.502 ** (1 / 2.4) - 0.055 = 0.737.
        assert abs(int(decoded.rgb.mean().round()) - 188) <= 1
        assert not decoded.is_profile_ignored


def test_a_broken_profile_is_ignored_and_said() -> None:
    decoded = decode_image(make_file(FRAMES[:1], ICCProfile=b"no profile"))
    np.testing.assert_array_equal(decoded.rgb, FRAMES[0])
    assert decoded.is_profile_ignored


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian,
                                    ExplicitVRBigEndian], ids=lambda uid: uid.keyword)
def test_a_file_without_preamble_or_without_file_meta_is_recognised(syntax: UID) -> None:
    data = make_file(FRAMES, syntax=syntax)
    bare = data[144 + int.from_bytes(data[140:144], "little"):]
    np.testing.assert_array_equal(decode_rgb(bare, frame=1), FRAMES[1])
    np.testing.assert_array_equal(decode_rgb(data[132:], frame=1), FRAMES[1])


def test_a_file_that_is_a_tiff_too_is_read_as_dicom() -> None:
    data = make_file(FRAMES)
    np.testing.assert_array_equal(decode_rgb(b"II*\0" + data[4:], frame=1), FRAMES[1])


def test_padding_and_an_offset_table_change_nothing() -> None:
    stream = encode_jpeg(FRAMES[0])
    plain = decode_rgb(make_file(FRAMES[:1], syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422"))
    dataset = make_dataset()
    add_pixels(dataset, FRAMES[:1], photometric="YBR_FULL_422")
    for frames in ([stream + b"\0\0"], [stream + b"\xff"]):
        dataset.PixelData = encapsulate(frames, has_bot=False)
        np.testing.assert_array_equal(decode_rgb(write(dataset, JPEGBaseline8Bit)), plain)


PLAIN = make_file(FRAMES, PatientName=NAME)
JPEG = make_file(FRAMES[:1], syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
COMPRESSED = ("the picture of the DICOM file is compressed or encrypted in a way that is not "
              "decoded; export it uncompressed, as JPEG or as JPEG 2000")
NO_PICTURE = "the DICOM file holds no picture, as reports and indexes do not; leave it out"
BAD_FRAME = f"frame 0 of the DICOM file is not of the size that the header gives; {AGAIN}"


def with_stream(stream: bytes, syntax: UID = JPEGBaseline8Bit) -> bytes:
    dataset = make_dataset(PatientName=NAME)
    add_pixels(dataset, FRAMES[:1], photometric="YBR_FULL_422")
    dataset.PixelData = encapsulate([stream])
    return write(dataset, syntax)


REJECTED: dict[str, tuple[bytes, str, str]] = {
    "signature alone": (bytes(128) + b"DICM", "not_an_image", NO_PICTURE),
    "no picture": (write(make_dataset(PatientName=NAME)), "not_an_image", NO_PICTURE),
    "cut in the header": (PLAIN[:400], "truncated",
                          f"the DICOM file ends before its picture does (400 bytes); {AGAIN}"),
    "cut in a compressed picture": (
        JPEG[:-300], "truncated",
        f"the DICOM file ends before its picture does ({len(JPEG) - 300:,} bytes); {AGAIN}"),
    "cut in a plain picture": (PLAIN[:-8000], "truncated",
                               f"frame 0 of the DICOM file ends before its picture does; {AGAIN}"),
    "cut in a deflated picture": (
        make_file(FRAMES, syntax=DeflatedExplicitVRLittleEndian)[:-200], "truncated",
        f"the deflated DICOM file ends before its data do; {AGAIN}"),
    "a compressed frame cut": (
        with_stream(encode_jpeg(FRAMES[0])[:1000]), "truncated",
        f"frame 0 of the DICOM file ends before its picture does (1,000 bytes); {AGAIN}"),
    "a frame of another size": (with_stream(encode_jpeg(draw_frame(0, 48, 40))), "corrupt",
                                BAD_FRAME),
    "a frame of another kind": (with_stream(b"\x89PNG\xff\xd9"), "corrupt", BAD_FRAME),
    "JPEG-LS": (make_file(FRAMES[:1], syntax=JPEGLSLossless), "unsupported", COMPRESSED),
    "an unknown syntax": (with_stream(b"secret").replace(b"1.2.4.50", b"7.7.7.77"), "unsupported",
                          COMPRESSED),
    "a video": (with_stream(b"video", UID("1.2.840.10008.1.2.4.102")), "unsupported", COMPRESSED),
    "32 bits": (make_file([GREY.astype(np.uint32)], photometric="MONOCHROME2"), "unsupported",
                ("the pixels of the DICOM file are of 1 x 32 bits; export it with 1 or 3 samples "
                 "of 8 or 16")),
    "an unknown colour space": (
        make_file(FRAMES[:1], photometric="CIELAB"), "unsupported",
        ("the samples of the DICOM file are of no colour space that is decoded; export it as RGB, "
         "YBR_FULL or MONOCHROME2")),
    "no rows": (change(PLAIN, Rows=0), "corrupt",
                f"the DICOM file gives its picture 40 x 0 pixels; {AGAIN}"),
    "rows without a value": (
        change(PLAIN, Rows=None), "corrupt",
        f"the DICOM file is damaged (TypeError while it was read); {AGAIN}"),
    "a palette that is not there": (
        make_file([GREY], photometric="PALETTE COLOR"), "corrupt",
        f"the DICOM file is damaged (ValueError while it was read); {AGAIN}"),
}


@pytest.mark.parametrize("what", REJECTED)
def test_what_cannot_be_decoded_has_its_reason(what: str) -> None:
    data, reason, message = REJECTED[what]
    assert reject(data) == (reason, message)


def test_floating_point_samples_are_unsupported() -> None:
    dataset = dcmread(BytesIO(PLAIN))
    dataset.FloatPixelData = np.zeros((32, 40), "<f4").tobytes()
    del dataset.PixelData
    assert reject(write(dataset)) == ("unsupported", (
        "the DICOM file holds floating-point samples, which have no one meaning as a colour; "
        "export it with 8 or 16 bits a sample"))


def test_a_frame_that_is_not_there_is_refused() -> None:
    for frame in (3, -1):
        assert reject(PLAIN, frame) == (
            "corrupt", f"the DICOM file has no frame {frame} among its 3; {AGAIN}")
    assert reject(change(PLAIN, NumberOfFrames=9), 8)[0] == "truncated"


@pytest.mark.parametrize("elements", [
    {"Rows": 65_535, "Columns": 65_535}, {"NumberOfFrames": 2**31 - 1}, {"Rows": 20_000,
                                                                        "Columns": 20_000}])
def test_a_hostile_header_is_refused_before_anything_is_decoded(
    elements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lesionlab.imaging import dicom

    data = {syntax: change(make_file(FRAMES[:1], syntax=syntax), **elements)
            for syntax in (ExplicitVRLittleEndian, RLELossless, JPEGLosslessSV1)}
    monkeypatch.setattr(dicom, "load_frame", None)
    for hostile in data.values():
        assert reject(hostile)[0] in ("too_many_pixels", "too_many_frames")


def test_limits_are_those_of_any_picture() -> None:
    assert reject(PLAIN, limits=DecodeLimits(max_frames=2)) == ("too_many_frames", (
        "the header says 3 frames, over the limit of 2; split the file, or raise "
        "DecodeLimits.max_frames"))
    assert reject(PLAIN, limits=DecodeLimits(max_pixels=1000))[0] == "too_many_pixels"
    assert reject(PLAIN, limits=DecodeLimits(min_side=33))[0] == "too_small"
    assert reject(PLAIN, limits=DecodeLimits(max_bytes=100))[0] == "too_large_file"


def test_a_deflated_file_is_unpacked_no_further_than_the_limit() -> None:
    bomb = make_bomb(20_000_000)
    assert len(bomb) < 40_000
    assert reject(bomb, limits=DecodeLimits(max_bytes=1_000_000)) == ("too_large_file", (
        "the deflated DICOM file holds more than the limit of 1,000,000 bytes; reduce it, or "
        "raise DecodeLimits.max_bytes"))


def test_runs_are_unpacked_no_further_than_the_header_says() -> None:
    dataset = make_dataset()
    add_pixels(dataset, [GREY], photometric="MONOCHROME2")
    runs = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 1_000_000
    dataset.PixelData = encapsulate([runs])
    assert reject(write(dataset, RLELossless))[0] == "corrupt"


def assert_names_nobody(data: bytes) -> None:
    """Decode, and look for the name in what is raised and warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            decode_image(data)
        except DecodeError as error:
            chain = f"{error} {error.__cause__!r}"
            assert "DOE" not in chain and "JANE" not in chain


@pytest.mark.parametrize("keyword", ["NumberOfFrames", "Rows", "WindowCenter", "BitsStored",
                                     "PhotometricInterpretation", "RescaleSlope"])
def test_no_error_or_warning_quotes_a_value_of_the_header(
    keyword: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    data = make_file([GREY], photometric="MONOCHROME2", RescaleIntercept=0,
                     WindowWidth=3, PatientName=NAME)
    dataset = dcmread(BytesIO(data))
    tag = tag_for_keyword(keyword)
    dataset[tag] = pydicom.DataElement(tag, "LO", NAME)
    assert_names_nobody(write(dataset))
    assert "DOE" not in caplog.text + "".join(capfd.readouterr())


def test_warnings_are_silenced_in_threads_and_come_back_after_them() -> None:
    # Bytes behind the picture, of which pydicom warns in each of many readings at once.
    data = change(PLAIN, PixelData=dcmread(BytesIO(PLAIN)).PixelData + bytes(50))
    caught: list[object] = []

    def decode() -> None:
        for _ in range(10):
            decode_rgb(data)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=decode) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        caught += seen
        warnings.warn("still heard", UserWarning, stacklevel=1)
        assert [str(warning.message) for warning in seen] == ["still heard"]
    assert caught == []


SEEDS = [make_file(FRAMES[:2], syntax=syntax,
                   photometric="YBR_RCT" if syntax == JPEG2000Lossless else "RGB")
         for syntax in LOSSLESS]
SEEDS += [JPEG, make_file([DEEP], photometric="MONOCHROME1", syntax=RLELossless),
          make_file([GREY], photometric="MONOCHROME2", WindowCenter=90, WindowWidth=50),
          make_file([to_ybr(FRAMES[0])], photometric="YBR_FULL_422")]


def assert_decodes_or_rejects(data: bytes, frame: int = 0) -> None:
    try:
        decoded = decode_image(data, frame=frame)
    except DecodeError as error:
        assert error.reason in REJECTION_REASONS
    else:
        assert isinstance(decoded, DecodedImage)
        assert decoded.rgb.dtype == np.uint8
        assert decoded.rgb.shape == (decoded.height, decoded.width, 3)


@given(data=st.binary(max_size=600), in_dataset=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_after_the_signature_end_in_pixels_or_a_reason(
    data: bytes, in_dataset: bool
) -> None:
    head = SEEDS[0][:144 + int.from_bytes(SEEDS[0][140:144], "little")]
    assert_decodes_or_rejects((head if in_dataset else bytes(128) + b"DICM") + data)


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=8),
    within=st.sampled_from([400, 900, 1600, 2**16]),
    cut=st.one_of(st.none(), st.floats(0, 1)),
    frame=st.integers(0, 2),
)
@settings(max_examples=500, deadline=None)
def test_any_damage_to_a_file_ends_in_pixels_or_a_reason(
    seed: bytes, edits: list[tuple[int, int]], within: int, cut: float | None, frame: int
) -> None:
    data = bytearray(seed)
    for position, value in edits:
        data[position % min(len(data), within)] = value
    length = len(data) if cut is None else int(cut * len(data))
    assert_decodes_or_rejects(bytes(data[:length]), frame)


# What pydicom's own plugins make of the files that it ships; colours of lossy ones may differ by
# the rounding of a transform.
SHIPPED = {
    "CT_small.dcm": 0, "ExplVR_BigEnd.dcm": 0, "MR_small_RLE.dcm": 0, "examples_overlay.dcm": 0,
    "examples_rgb_color.dcm": 0, "examples_palette.dcm": 0, "image_dfl.dcm": 0,
    "liver_1frame.dcm": 0, "SC_rgb_rle_16bit_2frame.dcm": 0, "SC_ybr_full_422_uncompressed.dcm": 1,
    "SC_rgb_small_odd.dcm": 0, "SC_rgb_small_odd_big_endian.dcm": 0, "examples_ybr_color.dcm": 2,
    "SC_rgb_jpeg_dcmtk.dcm": 2, "SC_rgb_dcmtk_+eb+cr.dcm": 2, "SC_rgb_dcmtk_+eb+cy+np.dcm": 2,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_files_that_pydicom_ships_give_the_pixels_that_it_gives(name: str) -> None:
    if not (path := TEST_FILES / name).is_file():
        pytest.skip("this pydicom does not ship the file")
    dataset = dcmread(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = dataset.pixel_array
    theirs = theirs[0] if int(dataset.get("NumberOfFrames") or 1) > 1 else theirs
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        theirs = pydicom.pixels.apply_color_lut(theirs, dataset) >> 8
    if dataset.BitsStored == 16 and theirs.dtype.itemsize == 2:
        low = -32_768 if dataset.PixelRepresentation else 0
        if "RescaleSlope" in dataset or "WindowCenter" in dataset:
            pytest.skip("shown through its window")
        theirs = np.rint((theirs.astype(float) - low) * 255 / 65_535)
    if theirs.ndim == 2:
        theirs = np.repeat(theirs[..., None], 3, axis=2)
    ours = decode_rgb(path.read_bytes(), limits=DecodeLimits(min_side=1))
    assert ours.shape == theirs.shape
    if dataset.BitsStored == 8:
        assert np.abs(ours.astype(int) - theirs).max() <= SHIPPED[name]
