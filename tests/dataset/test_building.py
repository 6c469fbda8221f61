"""prepare: every file once, the same bytes however it ran, nothing lost without a reason."""

import errno
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from lesion_files import build, draw_lesion, encode, name_ids, read_folder, write_cohort
from PIL import Image

from lesionlab.core import artifacts
from lesionlab.core.errors import (
    InputError,
    LesionLabError,
    SourceError,
    SplitError,
    StoreError,
)
from lesionlab.dataset import screening
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging import addresses

JPEG = encode(draw_lesion(1))


def refuse(kind: type[LesionLabError], source: Path, out: Path, **settings: object) -> str:
    with pytest.raises(kind) as caught:
        build(source, out, **settings)
    assert type(caught.value) is kind
    return str(caught.value)


def list_hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# One decoding, and the same bytes


def test_every_file_is_read_and_decoded_once(tmp_path: Path, monkeypatch) -> None:
    calls = Counter()

    def count(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def counted(first, *args, **kwargs):
            calls[name, first if isinstance(first, Path) else bytes(first)] += 1
            return real(first, *args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    count(addresses, "read_image_file")
    count(screening, "decode_image")
    monkeypatch.setattr(screening, "SHARD_ROWS", 7)
    source = write_cohort(tmp_path / "clinic", 30, {"ISIC_0000004": b"no picture"})
    build(source, tmp_path / "data")
    assert set(calls.values()) == {1}
    assert Counter(name for name, _ in calls) == {"read_image_file": 30, "decode_image": 30}


def test_the_number_of_workers_does_not_change_a_byte(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(screening, "SHARD_ROWS", 8)
    source = write_cohort(tmp_path / "clinic", 30, {"ISIC_0000004": b""})
    prepare([source], tmp_path / "one", num_workers=1)
    prepare([source], tmp_path / "two", num_workers=2)
    assert read_folder(tmp_path / "one") == read_folder(tmp_path / "two")
    assert list_hidden(tmp_path) == []
    assert sorted(read_folder(tmp_path / "one")) == [
        "cohort.parquet", "images/000000.arrow", "images/000001.arrow", "images/000002.arrow",
        "images/000003.arrow", "manifest.json", "split.parquet"]


def test_a_finished_folder_is_not_made_again(tmp_path: Path, monkeypatch) -> None:
    source = write_cohort(tmp_path / "clinic")
    first = build(source, tmp_path / "data")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}
    monkeypatch.setattr(screening, "decode_image", None)
    again = build(source, tmp_path / "data")
    assert again.digest == first.digest
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}


def test_where_the_source_lies_does_not_change_the_data(tmp_path: Path) -> None:
    digests = {build(write_cohort(tmp_path / place / "clinic"), tmp_path / f"{place}-data").digest
               for place in ("here", "there")}
    assert len(digests) == 1


# Anonymous memory: pages of mapped files are the system's to take back, and `ru_maxrss` starts at
# what the parent had when it forked.
MEMORY = """
import re, sys
from pathlib import Path
from lesionlab.core import artifacts
from lesionlab.dataset import building, screening

screening.SHARD_ROWS = 20
real, peak = artifacts.write_bytes, [0]

def write_bytes(path, data):
    status = Path("/proc/self/status").read_text()
    peak.append(int(re.search(r"RssAnon:\\s+(\\d+) kB", status)[1]))
    real(path, data)

artifacts.write_bytes = write_bytes
building.prepare([Path(sys.argv[1])], Path(sys.argv[2]), num_workers=1)
print(max(peak))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak this way")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    peaks = {}
    for num_images in (100, 600):
        noise = np.random.default_rng(0).integers(0, 255, (num_images, 256, 256, 3), dtype=np.uint8)
        files = dict(zip(name_ids(num_images), map(encode, map(Image.fromarray, noise)),
                         strict=True))
        source = write_cohort(tmp_path / f"clinic{num_images}", num_images, files)
        command = [sys.executable, "-c", MEMORY, str(source), str(tmp_path / str(num_images))]
        peaks[num_images] = int(subprocess.check_output(command)) / 1024
    added = sum(map(len, files.values())) / 2**20 * 5 / 6
    assert peaks[600] - peaks[100] < added / 3, peaks  # MiB


# Killed and run again

DRIVER = """
import os, signal, sys
from pathlib import Path
from lesionlab.core import artifacts
from lesionlab.dataset import building, screening

screening.SHARD_ROWS = 4
real, moments = artifacts.write_bytes, iter(range(int(sys.argv[3]), -1, -1))

def write_bytes(path, data):
    left = next(moments)
    if left == 0:
        path.parent.mkdir(exist_ok=True)
        (path.parent / f".{path.name}.half").write_bytes(data[:7])
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, data)

artifacts.write_bytes = write_bytes
if sys.argv[3] == "-1":  # the last moment of all
    Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    artifacts.write_bytes = real
building.prepare([Path(sys.argv[1])], Path(sys.argv[2]), num_workers=1)
"""


# 16 images in 4 shards: each is a file of images and one of rejects, then come cohort, split
# and manifest.
@pytest.mark.parametrize("num_writes", [0, 1, 2, 5, 8, 10, -1])
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch, num_writes: int
) -> None:
    monkeypatch.setattr(screening, "SHARD_ROWS", 4)
    source = write_cohort(tmp_path / "clinic", 16, {"ISIC_0000004": b"no picture"})
    command = [sys.executable, "-c", DRIVER, str(source), str(tmp_path / "data"), str(num_writes)]
    assert subprocess.run(command, check=False).returncode == -9
    assert not (tmp_path / "data").exists()
    (work,) = list_hidden(tmp_path)
    assert work.startswith(".data.preparing-")
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / work / "images").glob("0*")}

    read = Counter()
    real = addresses.read_image_file
    monkeypatch.setattr(addresses, "read_image_file",
                        lambda path, limits: read.update([path.stem]) or real(path, limits))
    build(source, tmp_path / "data")
    build(source, tmp_path / "straight")
    assert read_folder(tmp_path / "data") == read_folder(tmp_path / "straight")
    assert list_hidden(tmp_path) == []
    if num_writes in (2, 5, 8, 10):
        assert sum(read.values()) == 32 - 4 * min(num_writes // 2, 4)
    assert {path.name for path in finished} <= {
        path.name for path in (tmp_path / "data" / "images").iterdir()}


def list_workers(pid: int) -> list[int]:
    """The processes below one, where the system lists them."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(worker) for worker in children.read_text().split()] if children.exists() else []


def wait_for_end(workers: list[int]) -> None:
    """Wait until no worker runs; the test's own time limit is the only one."""
    while any(Path(f"/proc/{worker}/stat").exists() for worker in workers):
        time.sleep(0.05)


# A function of the script itself goes to the workers whole, so that they note what they begin.
NOTING = """
import sys
from pathlib import Path
from lesionlab.dataset import building, screening

screening.SHARD_ROWS = 4
real, notes = screening._screen_shard, Path(sys.argv[3])

def screen(task):
    with notes.open("a") as file:
        file.write(f"{task.number}\\n")
    return real(task)

screening._screen_shard = screen
building.prepare([Path(sys.argv[1])], Path(sys.argv[2]), num_workers=2)
"""


def test_a_parallel_run_that_was_killed_loses_a_shard_a_worker_at_most(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 120)

    def command(name: str) -> list[str]:
        return [sys.executable, "-c", NOTING, str(source), str(tmp_path / name),
                str(tmp_path / f"{name}.notes")]

    notes = tmp_path / "data.notes"
    process = subprocess.Popen(command("data"), stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".data.preparing-*/rejected/000002.json")):
        assert process.poll() is None
        time.sleep(0.002)
    workers = list_workers(process.pid)
    process.kill()
    process.wait()
    assert workers
    wait_for_end(workers)
    finished = {str(int(path.stem)) for path in tmp_path.glob(".data.preparing-*/rejected/0*.json")}
    begun = notes.read_text().split()
    assert len(set(begun)) == len(begun) <= len(finished) + 2
    notes.unlink()
    subprocess.run(command("data"), check=True)
    again = notes.read_text().split()
    assert sorted([*finished, *again], key=int) == [str(number) for number in range(30)]
    subprocess.run(command("straight"), check=True)
    assert read_folder(tmp_path / "data") == read_folder(tmp_path / "straight")
    assert list_hidden(tmp_path) == []


def test_what_other_plans_left_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "data [new]"
    left = tmp_path / ".data [new].preparing-0123456789abcdef" / "images"
    other = tmp_path / ".data.preparing-0123456789abcdef"
    left.mkdir(parents=True)
    other.mkdir()
    (left / "000000.arrow").write_bytes(b"of other images")
    build(write_cohort(tmp_path / "clinic"), out)
    assert list_hidden(tmp_path) == [other.name]


def test_a_full_disk_is_said_and_the_next_run_goes_on(tmp_path: Path, monkeypatch) -> None:
    source, out = write_cohort(tmp_path / "clinic", 16), tmp_path / "data"
    monkeypatch.setattr(screening, "SHARD_ROWS", 4)
    real, written = artifacts.write_bytes, []

    def fill_up(path: Path, data: bytes) -> None:
        if len(written) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        real(path, data)

    monkeypatch.setattr(artifacts, "write_bytes", fill_up)
    assert refuse(StoreError, source, out) == (
        f"{out} cannot be written (No space left on device); free or unlock the disk or choose "
        "another --out, then run the same command to go on")
    monkeypatch.setattr(artifacts, "write_bytes", real)
    kept = {path: path.stat().st_mtime_ns for path in written if path.suffix == ".arrow"}
    assert len(kept) == 2
    build(source, out)
    for path, changed in kept.items():
        assert (out / "images" / path.name).stat().st_mtime_ns == changed


def test_an_out_below_a_file_is_said(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "data"
    assert refuse(StoreError, source, out) == (
        f"{out} cannot be written (Not a directory); free or unlock the disk or choose "
        "another --out, then run the same command to go on")


# A folder that is there already


@pytest.mark.parametrize("change", ["seed", "table", "file", "left out"])
def test_another_input_or_setting_never_takes_a_finished_folder(
    tmp_path: Path, change: str
) -> None:
    source, out = write_cohort(tmp_path / "clinic"), tmp_path / "data"
    build(source, out)
    before = read_folder(out)
    table = source / "metadata.csv"
    if change == "table":
        table.write_text(table.read_text().replace("Malignant", "Benign", 1))
    if change == "left out":
        table.write_text(table.read_text() + "ISIC_9999999,Benign\n")
    if change == "file":
        (source / "images" / "ISIC_0000001.jpg").write_bytes(encode(draw_lesion(99)))
    assert refuse(StoreError, source, out, seed=int(change == "seed")) == (
        f"{out} was prepared from other input or settings; remove {out} or choose another --out")
    assert read_folder(out) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic")
    assert refuse(StoreError, source, tmp_path) == (
        f"{tmp_path} exists already and is no prepared folder; remove {tmp_path} or choose "
        "another --out")


@pytest.mark.parametrize(("name", "content", "problem"), [
    ("manifest.json", b"{", ("{out}/manifest.json is damaged: it is not JSON (Expecting property "
     "name enclosed in double quotes: line 1 column 2 (char 1)); prepare the data again")),
    ("manifest.json", b"[]", ("{out}/manifest.json has format None, this version reads 1; prepare "
     "the data again")),
])
def test_a_damaged_folder_says_how_to_go_on(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    source, out = write_cohort(tmp_path / "clinic"), tmp_path / "data"
    build(source, out)
    (out / name).write_bytes(content)
    assert refuse(StoreError, source, out) == (
        f"{problem.format(out=out)}; first remove {out} or choose another --out")


# Groups and the split


def test_copies_stand_in_one_group_across_patients(tmp_path: Path) -> None:
    first = draw_lesion(0, (256, 256))
    source = write_cohort(
        tmp_path / "clinic", 40, {
            "ISIC_0000000": encode(first), "ISIC_0000010": encode(first),
            "ISIC_0000011": encode(first, quality=70),
            "ISIC_0000012.png": encode(first.resize((128, 128)), "PNG")},
        patient_id=[f"IP_{number:07d}" for number in range(40)])
    data = build(source, tmp_path / "data")
    copies = ["ISIC_0000000", "ISIC_0000010", "ISIC_0000011", "ISIC_0000012"]
    assert set(data.frame.loc[copies, "group_id"]) == {"ISIC_0000000"}
    assert data.manifest["counts"]["num_groups"] == 37
    noted = pd.DataFrame(data.manifest["duplicates"])
    assert noted["of_two_patients"].all()
    assert set(noted["isic_id"]) | set(noted["copy_of"]) == set(copies)
    assert noted.query("kind == 'exact'")[["copy_of", "isic_id"]].to_numpy().tolist() == [
        ["ISIC_0000000", "ISIC_0000010"]]
    assert data.manifest["counts"]["duplicate_pairs"] == {"exact": 1, "near": len(noted) - 1}
    assert data.manifest["counts"]["duplicate_pairs_of_two_patients"] == len(noted)


def test_patients_lesions_and_copies_chain_into_one_group(tmp_path: Path) -> None:
    none = [None] * 36
    source = write_cohort(
        tmp_path / "clinic", 40, {"ISIC_0000003": encode(draw_lesion(2))},
        patient_id=["IP_0000001", "IP_0000001", None, None, *none],
        lesion_id=[None, "IL_0000001", "IL_0000001", None, *none])
    data = build(source, tmp_path / "data")
    groups = data.split.frame["group_id"]
    assert groups.iloc[:5].tolist() == ["ISIC_0000000"] * 4 + ["ISIC_0000004"]
    assert data.split.group_key == "patient_id+lesion_id+duplicates"
    assert data.manifest["counts"]["duplicate_pairs_of_two_patients"] == 0


def test_the_default_split_is_near_its_shares_in_every_class_and_source(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 240, attribution=["Vienna", "Oslo"] * 120)
    frame = build(source, tmp_path / "data").frame
    for keys in (["target"], ["target", "source"]):
        for _, rows in frame.groupby(keys):
            shares = rows["role"].value_counts(normalize=True)
            assert abs(shares["train"] - 0.7) < 0.04
            assert abs(shares["valid"] - 0.1) < 0.04
            assert abs(shares["test"] - 0.2) < 0.04


def test_the_seed_decides_the_draw_and_nothing_else(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic")
    one, other = (build(source, tmp_path / str(seed), seed=seed) for seed in (0, 1))
    assert one.manifest["digests"]["cohort"] == other.manifest["digests"]["cohort"]
    assert one.manifest["digests"]["images"] == other.manifest["digests"]["images"]
    assert one.manifest["digests"]["split"] != other.manifest["digests"]["split"]


ROLES = ["training", "val", "Test"] * 10


def test_the_users_own_split_is_taken_as_it_is(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 30, fold=ROLES)
    data = build(source, tmp_path / "data", split_column="fold")
    assert data.frame["role"].tolist() == ["train", "valid", "test"] * 10
    assert data.split.seed is None


def test_a_split_of_the_user_that_parts_a_group_is_refused(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 30, {"ISIC_0000001": encode(draw_lesion(0))},
                          fold=ROLES)
    assert refuse(SplitError, source, tmp_path / "data", split_column="fold") == (
        "the split breaks its laws:\n"
        "  - 1 values of group_id stand in more than one role: ISIC_0000000")
    assert not (tmp_path / "data").exists()
    assert list_hidden(tmp_path) == []


def test_a_split_can_be_taken_as_it_was_given_and_only_be_audited(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 30, {"ISIC_0000001": encode(draw_lesion(0))},
                          fold=["train", "test"] * 15)
    data = build(source, tmp_path / "data", split_column="fold", is_split_given=True)
    assert data.split.may_leak
    frame = data.frame.loc[["ISIC_0000000", "ISIC_0000001"]]
    assert frame["role"].tolist() == ["train", "test"]
    assert frame["group_id"].tolist() == ["ISIC_0000000"] * 2
    assert PreparedData.load(tmp_path / "data", may_leak=True).digest == data.digest
    with pytest.raises(SplitError) as error:
        PreparedData.load(tmp_path / "data")
    assert str(error.value) == (
        f"{tmp_path / 'data'} holds a split as it was given, for an audit only: it may leak; "
        "make a folder to train on with lesionlab prepare")


def test_without_a_column_a_given_split_is_none(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 12)
    data = build(source, tmp_path / "data", is_split_given=True)
    assert set(data.frame["role"]) == {"train"}


COLUMN_PROBLEMS = {
    "unknown": ([*ROLES[:-2], "holdout", None],
                ("split column fold: 2 images have no known role ((empty), holdout): "
                "ISIC_0000028, ISIC_0000029; use train, valid, test")),
    "missing": (["train", "test"] * 15,
                "split column fold: no image is valid; a split needs all of train, valid, test"),
}


@pytest.mark.parametrize(("roles", "problem"), COLUMN_PROBLEMS.values(), ids=COLUMN_PROBLEMS)
def test_a_split_column_is_checked_before_any_image_is_read(
    tmp_path: Path, monkeypatch, roles: list, problem: str
) -> None:
    monkeypatch.setattr(addresses, "read_image_file", None)
    source = write_cohort(tmp_path / "clinic", 30, fold=roles)
    assert refuse(SplitError, source, tmp_path / "data", split_column="fold") == problem


def test_a_split_column_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic")
    assert refuse(SplitError, source, tmp_path / "data", split_column="fold") == (
        "split column fold: no such column; the table has locator, diagnosis_1, source")


def test_too_few_groups_are_said(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 2)
    assert refuse(SplitError, source, tmp_path / "data") == (
        "2 groups are too few to split: none is left for valid and test; give more patients or "
        "more even shares, such as --split 40/30/30")


# Settings, sources and targets


@pytest.mark.parametrize(("settings", "kind", "problem"), [
    ({"size_px": 31}, InputError, "--size 31: give 32 to 4096 pixels"),
    ({"size_px": 5000}, InputError, "--size 5000: give 32 to 4096 pixels"),
    ({"seed": -1}, InputError, "--seed -1: give 0 or more"),
    ({"split": "80/20"}, SplitError, ("--split 80/20: write three positive numbers for "
     "train/valid/test, such as 70/10/20")),
])
def test_settings_out_of_range_are_refused(settings: dict, kind: type, problem: str) -> None:
    with pytest.raises(kind) as caught:
        PrepareSettings(**settings)
    assert str(caught.value) == problem


def test_a_source_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert refuse(SourceError, tmp_path / "no", tmp_path / "data") == (
        f"{tmp_path / 'no'}: there is no such file or folder")


def test_a_target_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic")
    assert refuse(InputError, source, tmp_path / "data", target="malignity") == (
        "there is no target 'malignity'; did you mean 'malignancy'? Choose one of malignancy, "
        "malignant_subtype, isic2018, isic2019, or a column of this cohort: diagnosis_1")


# The manifest


def test_every_row_that_was_read_is_counted_where_it_ended(tmp_path: Path) -> None:
    source = write_cohort(tmp_path / "clinic", 40, {"ISIC_0000003": b""}, age_approx=[45] * 40,
                          sex=["male", "purple"] * 20)
    table = source / "metadata.csv"
    text = table.read_text().replace("2,Benign", "2,Indeterminate").replace("4,Benign", "4,")
    table.write_text(text + "ISIC_9999999,Benign,30,male\n")
    (source / "images" / "stranger.jpg").write_bytes(JPEG)
    manifest = build(source, tmp_path / "data").manifest
    counts = manifest["counts"]
    left_out = ("dropped_by_source", "dropped_by_target", "rejected_images")
    num_dropped = sum(sum(counts[key].values()) for key in left_out)
    assert counts["num_rows_read"] == 41 == counts["num_images"] + num_dropped
    assert [counts[key] for key in left_out] == [
        {"no_image_file": 1}, {"Indeterminate": 3, "no diagnosis": 3}, {"empty": 1}]
    reasons = Counter(row["reason"] for row in manifest["dropped"])
    assert reasons == {"no_image_file": 1, "no_row": 1, "no_class": 6, "empty": 1}
    assert counts["files_without_row"] == 1
    assert counts["adjusted_values"] == {"literal_error": len(manifest["adjusted"])}
    assert {row["value"] for row in manifest["adjusted"]} == {"purple"}
    assert sum(role["num_images"] for role in counts["roles"].values()) == counts["num_images"]


def test_the_manifest_names_no_patient_and_no_place_but_the_source(tmp_path: Path) -> None:
    source = write_cohort(
        tmp_path / "clinic", 30, {"ISIC_0000001": encode(draw_lesion(0)), "ISIC_0000002": b""},
        patient_id=[f"IP_{number:07d}" for number in range(30)])
    (source / "images" / "ISIC_0000005.jpg").unlink()
    (source / "images" / "ISIC_0000005.jpg").symlink_to(source / "nowhere.jpg")
    manifest = build(source, tmp_path / "data").manifest
    assert manifest["sources"][0].pop("path") == str(source)
    text = json.dumps(manifest)
    assert "IP_" not in text
    assert str(tmp_path) not in text
