"""A prepared folder opens only as a whole that belongs together."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lesionlab.core import artifacts
from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import StoreError
from lesionlab.dataset.prepared import PreparedData, data_digest
from lesionlab.dataset.splitting import make_split
from lesionlab.dataset.store import ImageStore, write_shard

IDS = list("abc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cohort = Cohort.from_frame(pd.DataFrame({
        "isic_id": IDS, "target": ["Benign", "Malignant", "Benign"], "role": ["x", "y", "z"]}))
    roles = pd.Series(["train", "valid", "test"], IDS)
    split = make_split(cohort, pd.Series(IDS, IDS), roles, seed=0, group_key="duplicates")
    write_shard(tmp_path / "images" / "000000.arrow", [
        {"isic_id": i, "image": b"", "stored_sha256": i} for i in IDS])
    cohort.save(tmp_path / "cohort.parquet")
    split.save(tmp_path / "split.parquet")
    digests = data_digest(cohort, split, ImageStore(folder=tmp_path / "images"))
    artifacts.write_json(tmp_path / "manifest.json", {
        "format_version": 1, "digests": digests,
        "target": {"name": "malignancy", "classes": ["Benign", "Malignant"]}})
    return tmp_path


def test_a_prepared_folder_opens(folder: Path) -> None:
    data = PreparedData.load(folder)
    assert (data.target, data.classes) == ("malignancy", ("Benign", "Malignant"))
    assert data.frame["role"].tolist() == ["train", "valid", "test"]
    assert list(data.rows("valid").index) == ["b"]
    assert data.digest == data.manifest["digests"]["data"]


def read_problem(folder: Path) -> str:
    with pytest.raises(StoreError) as error:
        PreparedData.load(folder)
    return str(error.value)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    assert read_problem(tmp_path) == (
        f"{tmp_path} is not a prepared folder: it has no manifest.json; "
        f"make one with: lesionlab prepare SOURCE --out {tmp_path}")


@pytest.mark.parametrize(("text", "problem"), [
    ("{", ("is damaged: it is not JSON (Expecting property name enclosed in double quotes: "
          "line 1 column 2 (char 1)); prepare the data again")),
    ("[]", "has format None, this version reads 1; prepare the data again"),
    ('{"format_version": 2}', "has format 2, this version reads 1; prepare the data again"),
])
def test_another_manifest_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "manifest.json").write_text(text)
    assert read_problem(folder) == f"{folder / 'manifest.json'} {problem}"


@pytest.mark.parametrize("name", ["cohort.parquet", "split.parquet"])
@pytest.mark.parametrize("content", [None, b"nothing of Parquet"])
def test_a_missing_or_damaged_table_is_said(
    folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    problem = read_problem(folder)
    assert problem.startswith(f"{folder} is damaged (")
    assert name in problem
    assert problem.endswith("; prepare the data again")


def test_a_part_that_changed_is_named(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["digests"]["images"]
    manifest["digests"]["cohort"] = "0"
    artifacts.write_json(folder / "manifest.json", manifest)
    assert read_problem(folder) == (
        f"{folder}: cohort and images changed after prepare wrote them (the digest in "
        "manifest.json differs); prepare the data again")


def test_a_notebook_shows_roles_classes_and_losses(prepared: PreparedData) -> None:
    html = prepared._repr_html_()
    counts = prepared.manifest["counts"]
    assert f"target malignancy · images {counts['num_images']:,} · groups" in html
    for role, count in counts["roles"].items():
        numbers = [count["num_images"], count["num_groups"], *count["classes"].values()]
        assert f">{role}</td>" + "".join(f"<td>{number:,}</td>" for number in numbers) in html
    lost = counts["dropped_by_target"]["Indeterminate"]
    assert f">Indeterminate</td><td>{lost}</td>" in html
