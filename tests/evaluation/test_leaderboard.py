"""A leaderboard is the same after it was saved, and shows all that a reader needs."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from contending import make_contender
from synthetic import SEVEN

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.evaluation.comparing import Facts, build_leaderboard
from lesionlab.evaluation.leaderboard import Leaderboard
from lesionlab.evaluation.leaderboard_files import load_leaderboards, save_leaderboards

FACTS = Facts(training_seconds=75.0, num_parameters=12345, latency_ms=12.34)


@pytest.fixture(scope="module")
def binary() -> Leaderboard:
    return build_leaderboard([
        make_contender("metadata", strength=0.2, num_rows=300, facts=Facts(is_baseline=True)),
        make_contender("image_<b>", strength=1.5, num_rows=300, facts=FACTS,
                       published="AUC 0.4935", said=("300 of 4,000 a class", "no GPU")),
        make_contender("control", strength=0.0, num_rows=300, is_control=True)])


@pytest.fixture(scope="module")
def seven() -> Leaderboard:
    return build_leaderboard([make_contender(name, classes=SEVEN, num_rows=200, target="isic2018",
                                             strength=strength)
                              for name, strength in (("frozen", 1.0), ("tuned", 2.0))])


@pytest.fixture(scope="module")
def folder(binary: Leaderboard, seven: Leaderboard, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("boards") / "leaderboard"
    save_leaderboards([binary, seven], path)
    return path


def test_saving_and_loading_is_identity(
    folder: Path, binary: Leaderboard, seven: Leaderboard, tmp_path: Path
) -> None:
    again = load_leaderboards(folder)
    assert [board.to_dict() for board in again] == [binary.to_dict(), seven.to_dict()]
    assert [board.digest for board in again] == [binary.digest, seven.digest]
    pd.testing.assert_frame_equal(again[0].rows, binary.rows)
    pd.testing.assert_frame_equal(again[0].differences, binary.differences)
    save_leaderboards(again, tmp_path / "again")
    assert sorted(path.name for path in folder.iterdir()) == [
        "leaderboard.csv", "leaderboard.html", "leaderboard.json"]
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_missing_or_newer_leaderboard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as missing:
        load_leaderboards(tmp_path)
    assert str(missing.value) == (f"{tmp_path} holds no leaderboard.json; make one with: "
                                  f"lesionlab compare RUN RUN --out {tmp_path}")
    artifacts.write_json(tmp_path / "leaderboard.json", {"leaderboards": [{"schema_version": 2}]})
    with pytest.raises(InputError) as newer:
        load_leaderboards(tmp_path)
    assert str(newer.value) == "leaderboard of format 2; this version reads 1: compare again"


def test_what_was_timed_is_not_in_the_digest() -> None:
    boards = [build_leaderboard([make_contender("a", facts=facts)])
              for facts in (FACTS, Facts(num_parameters=12345), Facts(num_parameters=1))]
    digests = [board.digest for board in boards]
    assert digests[0] == digests[1] != digests[2]


def test_the_lines_for_a_terminal(binary: Leaderboard) -> None:
    lines = binary.lines
    assert re.fullmatch(r"malignancy: 2 models on the same 300 images, \d+ lesions, "
                        r"[\d.]+ % malignant", lines[0])
    assert " ".join(lines[1].split()) == (
        "model AUROC less best less metadata Average precision Balanced accuracy Brier score "
        "training s parameters ms/image published")
    assert re.match(r" +image_<b> 0\.\d{3} \(0\.\d{3}-\d\.\d{3}\) +\+0\.\d{3}\* ", lines[2])
    assert re.search(r" 75 +12,345 +12\.3 AUC 0\.4935$", lines[2])
    assert re.match(r" +metadata 0\.\d{3} \(0\.\d{3}-0\.\d{3}\) +-0\.\d{3}\* ", lines[3])
    assert lines[4].lstrip().startswith("control (control) 0.")
    assert lines[5:] == [
        "note, image_<b>: 300 of 4,000 a class; no GPU",
        ("* differs at 5 %, by a paired bootstrap over lesions and Holm's correction for "
         "2 comparisons")]


def test_one_model_alone_has_no_comparison() -> None:
    alone = build_leaderboard([make_contender("a")])
    assert alone.headline.startswith("malignancy: 1 model on the same 60 images, ")
    assert not any(line.startswith("*") for line in alone.lines)
    assert alone._repr_html_().count("<tr>") == 2


def test_a_notebook_shows_the_table_escaped(binary: Leaderboard) -> None:
    shown = binary._repr_html_()
    assert "image_&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert RESEARCH_USE in shown


def test_the_csv_has_a_row_per_model_of_all_targets(folder: Path) -> None:
    table = pd.read_csv(folder / "leaderboard.csv")
    assert table[["target", "name"]].to_numpy().tolist() == [
        ["malignancy", "image_<b>"], ["malignancy", "metadata"], ["malignancy", "control"],
        ["isic2018", "tuned"], ["isic2018", "frozen"]]
    frozen = table.set_index("name").loc["frozen"]
    assert frozen["auroc_less_best_low"] < frozen["auroc_less_best"] < 0
    assert frozen["average_precision_less_best_p_corrected"] <= 1


def test_the_json_is_strict_and_says_what_it_is_for(folder: Path) -> None:
    text = (folder / "leaderboard.json").read_text(encoding="utf-8")
    first = json.loads(text, parse_constant=pytest.fail)["leaderboards"][0]
    assert first["notice"] == RESEARCH_USE
    assert (first["best"], first["reference"]) == ("image_<b>", "metadata")
    assert first["rows"][1]["num_parameters"] is None


def test_the_page_is_whole_and_asks_for_nothing_outside(folder: Path) -> None:
    page = (folder / "leaderboard.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)|url\((?!#)|@import|https?://""", page)
    assert "<script" not in page
    assert "image_<b>" not in page
    assert page.count(RESEARCH_USE) == 3
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_the_page_shows_every_model_in_every_part(folder: Path, binary: Leaderboard) -> None:
    page = (folder / "leaderboard.html").read_text(encoding="utf-8")
    parts = dict(re.findall(r'<section id="([^"]+)"[^>]*>(.*?)</section>', page, re.DOTALL))
    assert list(parts) == [
        *(f"board-{number}{part}" for number in (0, 1)
          for part in ("", "-roc", "-confusion", "-tests", "-cost")),
        "reading", "limits", "provenance"]
    for part in ("", "-roc", "-confusion", "-cost"):
        shown = parts[f"board-0{part}"].replace("<wbr>", "")
        assert all(name in shown for name in ("image_&lt;b&gt;", "metadata", "control")), part
    assert "control" not in parts["board-0-tests"]
    assert "AUC 0.4935" in parts["board-0"]
    assert "300 of 4,000 a class; no GPU" in parts["board-0-cost"]
    assert parts["board-1-confusion"].count("<table") == 2
    counts = binary.confusions["metadata"].ravel().tolist()
    assert all(f">{count}<small>" in parts["board-0-confusion"] for count in counts)
    assert binary.digest in parts["provenance"]
    assert "must lie near 0.5" in parts["reading"]
