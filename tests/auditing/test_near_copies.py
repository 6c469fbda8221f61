import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.near_copies import find_altered_copies
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.store import SCHEMA, ImageStore, write_shard
from lesionlab.imaging.jpeg import encode_jpeg
from lesionlab.imaging.thumbnails import make_thumbnail
from lesionlab.phantoms.making import phantom
from lesionlab.scaling.executors import LocalExecutor


def draw_scene(seed: int) -> np.ndarray:
    """(192, 256, 3) uint8 blotches of all sizes."""
    rng = np.random.default_rng(seed)
    grey = np.full((192, 256), 140.0)
    for side, strength in ((5, 18), (16, 14), (64, 10)):
        blotches = Image.fromarray(rng.normal(size=(side, side)).astype(np.float32))
        grey += strength * np.asarray(blotches.resize((256, 192), Image.Resampling.BICUBIC))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def find_copies(folder: Path, pictures: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    """What is found among pictures whose features say nothing, so that all are candidates."""
    blank = {field.name: "" if field.type == "string" else 0 for field in SCHEMA}
    write_shard(folder / "000000.arrow", [
        blank | {"isic_id": name, "image": encode_jpeg(np.ascontiguousarray(rgb)),
                 "thumbnail": make_thumbnail(np.ascontiguousarray(rgb)).tobytes()}
        for name, rgb in sorted(pictures.items())])

    def features(ids: Sequence[str]) -> np.ndarray:
        return np.ones((len(ids), 4), np.float32)

    found = find_altered_copies(
        ImageStore(folder=folder), list(pictures), features,
        lambda ids: features(ids)[:, None], executor=LocalExecutor(num_workers=1))
    return [(str(copy), str(first), str(how)) for copy, first, how in found.to_numpy()]


SCENES = {f"other_{seed}": draw_scene(seed) for seed in range(3)}


def test_altered_copies_are_named_with_what_was_done(tmp_path: Path):
    scene = draw_scene(9)
    assert find_copies(tmp_path, {**SCENES, "a": scene, "b": scene[:, ::-1]}) == [
        ("b", "a", "mirrored")]


def test_a_crop_is_the_copy_whatever_its_id(tmp_path: Path):
    scene = draw_scene(9)
    assert find_copies(tmp_path, {**SCENES, "a": scene[10:180, 20:246], "b": scene}) == [
        ("a", "b", "cropped")]


def test_what_was_done_at_once_is_named_together(tmp_path: Path):
    part = np.rot90(draw_scene(9))[10:, 15:] * 0.8
    assert find_copies(tmp_path, {**SCENES, "a": draw_scene(9), "b": part.astype(np.uint8)}) == [
        ("b", "a", "turned, cropped, retouched")]


def test_other_pictures_are_no_copies_and_one_has_nothing_to_be_compared_with(tmp_path: Path):
    assert find_copies(tmp_path / "a", SCENES) == []
    assert find_copies(tmp_path / "b", {"a": draw_scene(9)}) == []


@pytest.mark.slow
def test_altered_copies_of_a_phantom_are_found_and_no_other_pair(tmp_path: Path, cache: Path):
    phantom(tmp_path / "cohort", patients=40, fault="duplicate-leak", image_size=(256, 192),
            num_workers=1)
    data = prepare([tmp_path / "cohort"], tmp_path / "data", num_workers=1,
                   settings=PrepareSettings(split_column="split", is_split_given=True))
    planted = pd.DataFrame(json.loads(
        (tmp_path / "cohort" / "phantom.json").read_text())["planted"]["copies"])
    planted = planted[planted["isic_id"].isin(data.cohort.ids)]
    found = Evidence(data=data, cache=cache).copies
    pairs = {frozenset(pair) for pair in found[["isic_id", "copy_of"]].to_numpy().tolist()}
    wanted = {frozenset(pair) for pair in planted[["isic_id", "copy_of"]].to_numpy().tolist()}
    assert set(planted["variant"]) >= {"flipped", "cropped"}
    assert pairs <= wanted
    assert len(pairs) >= 0.8 * len(wanted)
    again = Evidence(data=data, cache=cache)
    again.__dict__["_find_copies"] = None  # what was found is kept, not looked for again
    assert again.copies.equals(found)
