import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from factories import clean_frame, make_prepared
from lesionlab.auditing.galleries import MOST_PICTURES, Thumbnail, make_galleries
from lesionlab.core.errors import StoreError
from lesionlab.core.findings import Finding
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.store import ImageStore


def find(code: str = "LL303", section: str = "issue", **given) -> Finding:
    return Finding(code=code, title="Something", section=section, explanation="It is so.", **given)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return make_prepared(tmp_path_factory.mktemp("data"), clean_frame(60))


def read(picture: Thumbnail) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.address.partition(",")[2]))))


def test_each_picture_is_that_of_its_id(data: PreparedData):
    ids = data.cohort.ids[3:6]
    gallery = make_galleries(data, [find(isic_ids=tuple(ids))])["LL303"]
    assert [frame[0].isic_id for frame in gallery.frames] == list(ids)
    stored = np.stack([data.store.decode(isic_id) for isic_id in ids]).astype(float)
    for number, (picture,) in enumerate(gallery.frames):
        differences = np.abs(read(picture) - stored).mean(axis=(1, 2, 3))
        assert differences.argmin() == number
        row = data.frame.loc[picture.isic_id]
        assert picture.caption == f"{row['target']}, {row['role']}"
    assert (gallery.num_all, gallery.is_cut, gallery.has_pairs) == (3, False, False)


def test_of_many_images_some_from_all_over_the_list_are_shown(data: PreparedData):
    ids = data.cohort.ids
    galleries = make_galleries(data, [find(isic_ids=tuple(ids)),
                                      find("LL106", "tip", isic_ids=tuple(ids))])
    for code, section in (("LL303", "issue"), ("LL106", "tip")):
        shown = [frame[0].isic_id for frame in galleries[code].frames]
        assert len(shown) == len(set(shown)) == MOST_PICTURES[section]
        assert (shown[0], shown[-1]) == (ids[0], ids[-1])
        assert galleries[code].num_all == 60


def test_copies_stand_side_by_side(data: PreparedData):
    ids = data.cohort.ids
    pairs = tuple((str(ids[number]), str(ids[number + 30])) for number in range(20))
    gallery = make_galleries(data, [find("LL104", pairs=pairs, isic_ids=tuple(ids[:50]))])["LL104"]
    assert gallery.has_pairs
    assert gallery.num_all == 20
    shown = [tuple(picture.isic_id for picture in frame) for frame in gallery.frames]
    assert len(shown) == MOST_PICTURES["issue"] // 2
    assert set(shown) <= set(pairs)


def test_findings_without_ids_and_those_that_passed_have_no_gallery(data: PreparedData):
    ids = tuple(data.cohort.ids[:2])
    assert make_galleries(data, [find(), find("LL101", "passed", isic_ids=ids)]) == {}


def test_the_last_findings_get_no_room_on_a_full_page(data: PreparedData):
    ids = tuple(data.cohort.ids[:10])
    findings = [find("LL303", isic_ids=ids), find("LL305", isic_ids=ids)]
    size = sum(len(frame[0].address) for frame in make_galleries(data, findings)["LL303"].frames)
    galleries = make_galleries(data, findings, most_characters=size)
    assert [len(galleries[code].frames) for code in ("LL303", "LL305")] == [10, 0]
    assert [galleries[code].is_cut for code in ("LL303", "LL305")] == [False, True]


def test_a_picture_that_does_not_decode_is_said_with_its_id(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(3))
    broken = data.cohort.ids[1]

    class Damaged(ImageStore):
        def read(self, isic_id: str) -> bytes:
            return b"no JPEG"

    damaged = PreparedData(folder=data.folder, manifest=data.manifest, cohort=data.cohort,
                           split=data.split, store=Damaged(folder=data.store.folder))
    with pytest.raises(StoreError) as caught:
        make_galleries(damaged, [find(isic_ids=(broken,))])
    assert f"{data.store.folder}: the image {broken} does not decode" in str(caught.value)


def test_pictures_are_small_and_keep_their_shape(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame(1))
    isic_id = data.cohort.ids[0]
    gallery = make_galleries(data, [find(isic_ids=(isic_id,))])["LL303"]
    picture = gallery.frames[0][0]
    assert (picture.width, picture.height) == (24, 16)
    assert read(picture).shape == (16, 24, 3)


def test_of_images_that_were_left_out_there_is_no_picture(data: PreparedData):
    gone = find("LL201", "tip", isic_ids=("ISIC_99", str(data.cohort.ids[0])))
    assert [frame[0].isic_id for frame in make_galleries(data, [gone])["LL201"].frames] == [
        data.cohort.ids[0]]
    assert make_galleries(data, [find("LL202", "tip", isic_ids=("ISIC_99",))]) == {}
