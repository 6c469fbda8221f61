"""What fetch leaves behind, whatever the network does."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Serve, serving
from stand_in import ROOT, StandIn, StoredImage, draw_file, make_images

import lesionlab
from lesionlab.archive import downloading, fetching
from lesionlab.archive.client import NUM_WAITS
from lesionlab.archive.fetch_settings import FetchSettings
from lesionlab.archive.fetching import FetchedCohort, fetch
from lesionlab.core.errors import ArchiveError, InputError, LesionLabError
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PAGE_FAULTS = ("429", "500", "hang", "broken", "truncated", "no_json")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with serving(monkeypatch) as start:
        yield start


def read_folder(folder: Path) -> dict[str, bytes]:
    """All files of a cohort by path, but for what fetch keeps for itself."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file() and fetching.STATE not in path.parts}


def run(server: StandIn, folder: Path, **settings: Any) -> FetchedCohort:
    return fetch(folder, settings=FetchSettings(api=server.api, **settings))


def read_error(server: StandIn, folder: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        run(server, folder, **settings)
    return str(caught.value)


def test_the_folder_is_that_of_the_isic_client(serve: Serve, tmp_path: Path) -> None:
    images = make_images(250)
    done = run(serve(images), tmp_path / "cohort")
    files = read_folder(tmp_path / "cohort")
    assert sorted(files) == sorted([
        *(f"images/{image.isic_id}.jpg" for image in images), "metadata.csv", "attribution.txt",
        "licenses/CC-0.txt", "licenses/CC-BY.txt", "licenses/CC-BY-NC.txt"])
    assert all(files[f"images/{image.isic_id}.jpg"] == draw_file(image.isic_id, "thumbnail_256")
               for image in images)
    assert files["attribution.txt"] == b"Hospital A\n\nHospital B, Dermatology\n"
    assert files["licenses/CC-BY.txt"] == (
        b"Attribution 4.0 International\n\nhttps://creativecommons.org/licenses/by/4.0/legalcode\n")
    rows = list(csv.DictReader(files["metadata.csv"].decode().splitlines()))
    assert [row["isic_id"] for row in rows] == sorted(image.isic_id for image in images)
    assert list(rows[0]) == [
        "isic_id", "attribution", "copyright_license", "age_approx", "concomitant_biopsy",
        "diagnosis_1", "diagnosis_2", "diagnosis_3", "image_type", "lesion_id", "patient_id",
        "pixels_x", "pixels_y", "sex"]
    assert rows[0]["concomitant_biopsy"] in ("True", "False")
    assert (done.num_listed, done.num_images, done.num_downloaded, done.num_present) == (
        250, 250, 250, 0)
    assert done.num_bytes == sum(len(files[f"images/{image.isic_id}.jpg"]) for image in images)
    assert done.num_bytes_full == 40 * done.num_bytes
    assert sum(done.licences.values()) == sum(done.classes.values()) == 250


@pytest.mark.slow
def test_a_run_with_five_percent_of_faults_ends_as_one_without(
    serve: Serve, tmp_path: Path
) -> None:
    images = make_images(2000)
    server = serve(images)
    run(server, tmp_path / "without")
    assert server.plant(0.05) == 100
    server.faults["page"] = [text for fault in PAGE_FAULTS for text in (fault, "")]
    done = run(server, tmp_path / "with")
    assert (done.num_downloaded, done.failures) == (2000, {})
    assert not any(server.faults.values())
    assert read_folder(tmp_path / "with") == read_folder(tmp_path / "without")


@pytest.mark.parametrize("fault", ["429", "500", "hang", "broken", "truncated", "expired",
                                   "wrong_size"])
def test_each_fault_of_a_file_passes(fault: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(5))
    server.faults["ISIC_0000002"] = [fault]
    done = run(server, tmp_path / "cohort")
    assert (done.num_downloaded, done.failures) == (5, {})
    assert server.asked["thumbnail_256 ISIC_0000002"] == 2
    assert (tmp_path / "cohort/images/ISIC_0000002.jpg").read_bytes() == draw_file(
        "ISIC_0000002", "thumbnail_256")


@pytest.mark.parametrize("fault", PAGE_FAULTS)
def test_each_fault_of_a_page_passes(fault: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(150))
    server.faults["page"] = ["", fault]
    assert run(server, tmp_path / "cohort").num_downloaded == 150
    assert server.asked["page"] == 3


def test_a_second_run_asks_for_nothing(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(150))
    run(server, tmp_path / "cohort")
    asked, before = dict(server.asked), read_folder(tmp_path / "cohort")
    done = run(server, tmp_path / "cohort")
    assert (done.num_downloaded, done.num_present) == (0, 150)
    assert server.asked == asked
    assert read_folder(tmp_path / "cohort") == before


def test_a_run_that_goes_on_asks_only_for_what_is_missing(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(30))
    run(server, tmp_path / "cohort")
    whole = read_folder(tmp_path / "cohort")
    images = tmp_path / "cohort" / "images"
    (images / "ISIC_0000003.jpg").unlink()
    (images / "ISIC_0000004.jpg").write_bytes(b"cut short by a power loss")
    (images / ".ISIC_0000005.jpg.part").write_bytes(b"left by a run that was killed")
    asked = dict(server.asked)
    assert run(server, tmp_path / "cohort").num_downloaded == 2
    assert {name for name, count in server.asked.items() if count > asked[name]} == {
        "thumbnail_256 ISIC_0000003", "thumbnail_256 ISIC_0000004"}
    assert read_folder(tmp_path / "cohort") == whole


def test_addresses_that_expired_are_asked_for_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(30))
    run(server, tmp_path / "cohort")
    shutil.rmtree(tmp_path / "cohort" / "images")
    server.expire()
    assert run(server, tmp_path / "cohort").num_downloaded == 30
    assert all(server.asked[f"record ISIC_{number:07d}"] == 1 for number in range(30))


def test_a_listing_that_broke_off_goes_on_at_its_page(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(350))
    server.faults["page"] = ["", "", *["500"] * (NUM_WAITS + 1)]
    with pytest.raises(ArchiveError) as caught:
        run(server, tmp_path / "cohort")
    assert str(caught.value).startswith("the Archive does not answer http://127.0.0.1:")
    assert str(caught.value).endswith(": 500 fault 500 (6 times); run the same again to go on")
    asked = server.asked["page"]
    assert run(server, tmp_path / "cohort").num_downloaded == 350
    assert server.asked["page"] - asked == 2


def test_what_never_comes_is_listed_and_tried_again_the_next_time(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(make_images(20))
    server.faults["ISIC_0000003"] = ["500"] * (NUM_WAITS + 1)
    server.faults["ISIC_0000007"] = ["404"]
    server.faults["ISIC_0000009"] = ["wrong_size"] * (NUM_WAITS + 1)
    length = len(draw_file("ISIC_0000009", "thumbnail_256"))
    done = run(server, tmp_path / "cohort")
    assert done.failures == {
        "ISIC_0000003": "500 fault 500", "ISIC_0000007": "404 fault 404",
        "ISIC_0000009": f"the file has {length - 7:,} bytes, the Archive says {length:,}"}
    assert done.lines[-3:] == [f"failed {name}: {text}" for name, text in done.failures.items()]
    assert (done.num_downloaded, done.num_images) == (17, 20)
    names = {path.name for path in (tmp_path / "cohort" / "images").iterdir()}
    assert names == {f"ISIC_{number:07d}.jpg" for number in range(20) if number not in (3, 7, 9)}
    assert len(pd.read_csv(tmp_path / "cohort" / "metadata.csv")) == 20
    again = run(server, tmp_path / "cohort")
    assert (again.num_downloaded, again.num_present, again.failures) == (3, 17, {})


def test_when_nobody_is_there_any_more_the_rest_is_not_tried(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "MOST_FAILED_IN_A_ROW", 4)
    server = serve(make_images(200))
    for isic_id in server.images:
        server.faults[isic_id] = ["broken"] * (NUM_WAITS + 1)
    done = run(server, tmp_path / "cohort")
    not_tried = [text for text in done.failures.values()
                 if text == "not tried, for 4 before it failed one after the other"]
    assert len(done.failures) == 200 and len(not_tried) >= 150


def test_the_selection_is_of_whole_patients(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(600))
    done = run(server, tmp_path / "cohort", where=("image_type=dermoscopic",), per_class=50, seed=1)
    rows = pd.read_csv(tmp_path / "cohort" / "metadata.csv").set_index("isic_id")
    assert set(rows["image_type"]) == {"dermoscopic"}
    assert max(done.classes.values()) <= 50 and len(done.classes) == 3
    for patient in set(rows["patient_id"]):
        theirs = {image.isic_id for image in server.images.values()
                  if image.metadata["clinical"]["patient_id"] == patient
                  and image.metadata["acquisition"]["image_type"] == "dermoscopic"}
        assert theirs <= set(rows.index)
    assert server.count_files() == len(rows) == done.num_downloaded


def test_another_selection_uses_the_listing_and_the_images_that_are_there(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(make_images(150))
    first = run(server, tmp_path / "cohort", limit=20)
    pages = server.asked["page"]
    with caplog.at_level("INFO"):
        second = run(server, tmp_path / "cohort", limit=60, seed=1)
    assert server.asked["page"] == pages
    assert second.num_present + second.num_downloaded == second.num_images <= 60
    others = first.num_images - second.num_present
    assert (f"{others} files in {tmp_path / 'cohort' / 'images'} are not of this selection; they "
            "stay") in caplog.messages
    assert len(pd.read_csv(tmp_path / "cohort" / "metadata.csv")) == second.num_images


def test_query_and_collections_are_passed_through(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(200))
    query = 'age_approx:[20 TO 40] AND sex:male AND diagnosis_3:"Melanoma, NOS"'
    done = run(server, tmp_path / "cohort", query=query, collections=(2,))
    rows = pd.read_csv(tmp_path / "cohort" / "metadata.csv")
    assert 0 < len(rows) == done.num_listed < 200
    assert set(rows["age_approx"]) <= {20, 35} and set(rows["diagnosis_3"]) == {"Melanoma, NOS"}
    assert all(int(name[-1]) % 2 for name in rows["isic_id"])


def test_full_files_are_downloaded_on_request(serve: Serve, tmp_path: Path) -> None:
    done = run(serve(make_images(3)), tmp_path / "cohort", size="full")
    assert done.num_bytes == done.num_bytes_full
    assert (tmp_path / "cohort/images/ISIC_0000001.jpg").read_bytes() == draw_file(
        "ISIC_0000001", "full")


def test_a_query_that_is_none_is_answered_in_the_archives_own_words(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(make_images(3))
    assert read_error(server, tmp_path / "cohort", query="sex:[") == (
        f"the Archive refuses {server.api}images/search/?query=sex:[&limit=100 (400): "
        '{"message": "Couldn\'t parse search query."}')


def test_an_empty_result_says_what_was_asked(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(3))
    assert read_error(server, tmp_path / "cohort", query="sex:none", collections=(7, 7)) == (
        "the Archive has no image for query 'sex:none' and collections (7,)")
    assert read_error(serve([]), tmp_path / "other") == "the Archive has no image"


def test_a_result_of_which_none_can_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch(tmp_path / "cohort", transport=answer_with(make_page(make_result(files=None))))
    assert str(caught.value) == (
        "the Archive has no image that can be used (ISIC_0000001: its file thumbnail_256 has None "
        "for an address)")


def test_a_cursor_that_the_archive_forgot_is_said(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(150))
    server.faults["page"] = ["", "400"]
    with pytest.raises(ArchiveError) as caught:
        run(server, tmp_path / "cohort")
    assert str(caught.value).endswith(
        " (400): fault 400; name a new folder to list from the start")


def test_a_folder_of_another_request_is_refused(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(3))
    run(server, tmp_path / "cohort")
    before = read_folder(tmp_path / "cohort")
    assert read_error(server, tmp_path / "cohort", query="sex:male", size="full") == (
        f"{tmp_path / 'cohort'} holds another request: query was '', now 'sex:male'; size was "
        "'thumbnail', now 'full'; name a new folder, or ask as before")
    assert read_folder(tmp_path / "cohort") == before


def test_a_folder_that_fetch_did_not_make_is_refused(serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(3))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").touch()
    for name in ("photos", "photos/mine.jpg"):
        assert read_error(server, tmp_path / name) == (
            f"{tmp_path / name} is there and was not made by fetch; name a new folder")
    assert not server.asked


def test_more_than_five_gigabytes_have_to_be_confirmed(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(fetching, "MOST_UNASKED_BYTES", 100_000)
    server = serve(make_images(20))
    with caplog.at_level("INFO"):
        problem = read_error(server, tmp_path / "cohort")
    assert problem.endswith(
        "kB to download are more than 100kB; say --yes (from Python is_confirmed=True) if you mean "
        "it, or take fewer images")
    assert "20 images selected, 20 of them to download: " in caplog.text
    assert "B are free" in caplog.text
    assert server.count_files() == 0
    assert run(server, tmp_path / "cohort", is_confirmed=True).num_downloaded == 20
    assert run(server, tmp_path / "cohort").num_downloaded == 0


def test_what_does_not_fit_on_the_disk_is_not_begun(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    server = serve(make_images(20))
    problem = read_error(server, tmp_path / "cohort", is_confirmed=True)
    assert problem.endswith(f"do not fit on the disk of {tmp_path / 'cohort'}, of which 50.0kB are "
                            "free; take fewer images")
    assert server.count_files() == 0


def test_the_cohort_is_the_one_that_prepare_reads(
    serve: Serve, tmp_path: Path, phantom_folder: Path, prepared: PreparedData
) -> None:
    images = []
    text = (phantom_folder / "metadata.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        isic_id, attribution, licence = (
            row.pop(name) for name in ("isic_id", "attribution", "copyright_license"))
        content = (phantom_folder / "images" / f"{isic_id}.jpg").read_bytes()
        images.append(StoredImage(
            isic_id=isic_id, licence=licence, attribution=attribution,
            metadata={"acquisition": {}, "clinical": row},
            files={"thumbnail_256": content, "full": content}))
    run(serve(images), tmp_path / "cohort")
    ours = prepare([tmp_path / "cohort"], tmp_path / "data",
                   settings=PrepareSettings(size_px=64), num_workers=1)
    assert ours.manifest["digests"] == prepared.manifest["digests"]
    assert ours.manifest["counts"] == prepared.manifest["counts"]
    assert ours.manifest["sources"][0]["layout"] == "isic-client"


def answer_with(*pages: Any) -> httpx2.MockTransport:
    """An API that gives these pages, whatever is asked, and files of three bytes."""
    left = list(pages)

    def serve(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "files.test":
            return httpx2.Response(200, stream=httpx2.ByteStream(b"abc"))
        return httpx2.Response(200, json=left.pop(0))

    return httpx2.MockTransport(serve)


def make_result(**changes: Any) -> dict[str, Any]:
    file = {"url": "http://files.test/a.jpg", "size": 3}
    return {"isic_id": "ISIC_0000001", "copyright_license": "CC-0", "attribution": "Anonymous",
            "files": {"full": file, "thumbnail_256": file},
            "metadata": {"acquisition": {}, "clinical": {"diagnosis_1": "Benign"}}} | changes


def make_page(*results: Any, following: Any = None) -> dict[str, Any]:
    return {"count": len(results), "next": following, "previous": None, "results": list(results)}


def test_what_the_archive_lists_and_nobody_can_use_is_left_out_and_said(tmp_path: Path) -> None:
    page = make_page(make_result(), make_result(isic_id="../../ISIC_0000002"),
                     make_result(isic_id="ISIC_0000003", files={}), 5)
    done = fetch(tmp_path / "cohort", transport=answer_with(page))
    assert done.rejected == (
        "../../ISIC_0000002: '../../ISIC_0000002' is no ISIC id",
        "ISIC_0000003: its file thumbnail_256 has None for an address",
        "an image: None is no ISIC id")
    assert done.lines[-3:] == [f"left out {text}" for text in done.rejected]
    assert sorted(read_folder(tmp_path)) == [
        "cohort/attribution.txt", "cohort/images/ISIC_0000001.jpg", "cohort/licenses/CC-0.txt",
        "cohort/metadata.csv"]


def test_an_image_that_is_listed_broken_and_whole_is_taken_whole(tmp_path: Path) -> None:
    done = fetch(tmp_path / "cohort", transport=answer_with(
        make_page(make_result(files={}), make_result())))
    assert (done.num_downloaded, len(done.rejected)) == (1, 1)


def test_an_image_on_two_pages_is_one_image(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    following = "https://api.isic-archive.com/api/v2/images/?cursor=b"
    done = fetch(tmp_path / "cohort", transport=answer_with(
        make_page(make_result(), following=following), make_page(make_result())))
    assert (done.num_listed, done.num_downloaded) == (1, 1)
    assert "the Archive counts 1 images" not in caplog.text


def test_a_count_that_differs_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fetch(tmp_path / "cohort", transport=answer_with(make_page(make_result()) | {"count": 1200}))
    assert "the Archive counts 1,200 images and listed 1" in caplog.messages


@pytest.mark.parametrize("following", [
    "http://evil.test/api/v2/images/?cursor=b", "file:///etc/passwd", "//evil.test/", "images/",
    "http://api.isic-archive.com/api/v2/images/?cursor=b",
    "https://api.isic-archive.com/api/v2/images/?limit=100"])
def test_a_next_page_elsewhere_is_not_asked_for(following: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        fetch(tmp_path / "cohort", transport=answer_with(
            make_page(make_result(), following=following)))
    assert str(caught.value) == (
        "https://api.isic-archive.com/api/v2/images/?limit=100 names "
        f"{following!r} as the next page, which is none of this API; name another by --api")


@pytest.mark.parametrize("page", [[], {}, {"results": {}}, {"results": [], "next": 5}, "text"])
def test_an_api_that_is_none_is_said_to_be_none(page: Any, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        fetch(tmp_path / "cohort", transport=answer_with(page))
    assert str(caught.value) == (
        "https://api.isic-archive.com/api/v2/images/?limit=100 answers no page of images; --api is "
        "the root of an API like that of the ISIC Archive")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=9), inner, max_size=3), max_leaves=8)
FIELDS = st.sampled_from(sorted(make_result()))


@given(results=st.lists(JSON | st.dictionaries(FIELDS, JSON).map(lambda part: make_result(**part)),
                        max_size=4), metadata=JSON)
def test_any_page_ends_in_a_cohort_or_a_named_error(
    results: list[Any], metadata: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any") / "cohort"
    page = make_page(*results, make_result(metadata={"any": metadata}))
    try:
        done = fetch(folder, transport=answer_with(page))
    except LesionLabError:
        return
    assert not done.failures
    assert len(list((folder / "images").iterdir())) == done.num_images
    assert {path.parent.parent for path in folder.parent.rglob("*.jpg")} == {folder}


def test_a_record_of_another_image_is_not_taken(tmp_path: Path) -> None:
    def serve(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "files.test":
            return httpx2.Response(403, text="expired")
        if request.url.path == f"{ROOT}images/ISIC_0000001/":
            return httpx2.Response(200, json=make_result(isic_id="ISIC_0000002"))
        return httpx2.Response(200, json=make_page(make_result()))

    done = fetch(tmp_path / "cohort", transport=httpx2.MockTransport(serve))
    assert done.failures == {
        "ISIC_0000001": "the Archive answers ISIC_0000002 when asked for ISIC_0000001"}
    assert not any((tmp_path / "cohort" / "images").iterdir())


@pytest.mark.parametrize(("settings", "said"), [
    ({"per_class": 0}, "per_class is 0; give 1 or more"),
    ({"limit": -1}, "limit is -1; give 1 or more"),
    ({"seed": -1}, "seed is -1; give 0 or a positive number"),
    ({"size": "small"}, "size is 'small'; choose thumbnail or full"),
    ({"collections": (0,)}, ("collections are (0,); give the numbers that the Archive's website "
                            "shows")),
    ({"where": ("dermoscopic",)}, ("where is 'dermoscopic'; give COLUMN=VALUE, such as "
                                  "image_type=dermoscopic")),
    ({"api": "ftp://x"}, ("api is 'ftp://x/'; give an address such as "
                         "https://api.isic-archive.com/api/v2/")),
    ({"api": "http://"}, ("api is 'http:/'; give an address such as "
                         "https://api.isic-archive.com/api/v2/"))])
def test_a_setting_that_is_wrong_is_said_before_anything_is_asked(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        FetchSettings(**settings)
    assert str(caught.value) == said


def test_what_is_fetched_is_plain_values(tmp_path: Path) -> None:
    done = lesionlab.fetch(tmp_path / "cohort", transport=answer_with(make_page(make_result())))
    values = done.to_dict()
    assert json.loads(json.dumps(values)) | {"rejected": ()} == values
    assert done.lines == [
        "1 images of 1 patients or lesions, of 1 that the Archive has; 3.00B, in full size 3.00B",
        "1 downloaded, 0 were here", "classes: Benign 1", "licences: CC-0 1"]
