"""What `benchmarks/fuzz_inputs.py` starts from keeps the law that it looks to break."""

import sys
import tempfile
from pathlib import Path

import pytest

from lesionlab.imaging.decoding import decode_image

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from fuzz_targets import INPUTS, TARGETS, list_places


def test_every_seed_of_the_decoder_is_an_image_and_all_formats_are_there() -> None:
    seeds = list(TARGETS["decoder"].seeds())
    for seed in seeds:
        TARGETS["decoder"].check(seed)
    assert {decode_image(seed).file_format for seed in seeds} == {
        "BMP", "DICOM", "GIF", "JPEG", "PNG", "TIFF", "WEBP"}


def test_seeds_of_the_readers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seeds = list(TARGETS["tables"].seeds())
    assert len(seeds) == len(list_places()) < 256
    assert {name for _, name in list_places()[-2:]} == {*INPUTS}
    for seed in seeds[::8]:
        TARGETS["tables"].check(seed)
