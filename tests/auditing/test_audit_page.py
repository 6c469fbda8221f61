"""The page: what it shows of findings, skips and charts, and that it stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from factories import clean_frame, make_prepared
from lesionlab.auditing import page
from lesionlab.auditing.exploration import Exploration, explore
from lesionlab.auditing.registry import CHECKS
from lesionlab.core.findings import Finding
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData

NOTHING = Exploration(num_images=80, classes=("Benign", "Malignant"), charts=(), left_out=())


class Page(HTMLParser):
    """Every start tag with its attributes, and the text under each tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def look_at(data: PreparedData) -> Exploration:
    ids = data.cohort.ids
    rng = np.random.default_rng(0)
    measures = pd.DataFrame({name: rng.normal(90, 9, len(ids))
                             for name in ("red", "green", "blue", "ita")}, ids)
    files = pd.DataFrame({"file_bytes": rng.integers(1e4, 9e4, len(ids)), "pixels_x": 600,
                          "pixels_y": rng.choice([400, 450], len(ids))}, ids)
    return explore(data.frame, data.classes, files, measures)


def find(code: str, section: str, fact: str, ids: tuple[str, ...] = (), **given) -> Finding:
    check = CHECKS[code]
    is_open = section in ("issue", "tip")
    return Finding(code=code, title=check.title, section=section, isic_ids=ids, count=len(ids),
                   explanation=f"{fact}; {check.remedy}." if is_open else f"{fact}.", **given)


def some_findings(ids: pd.Index) -> list[Finding]:
    return [
        find("LL104", "issue", "1 near pair is in two roles", (ids[0], ids[1]), value=1.0,
             pairs=((ids[0], ids[1]),)),
        find("LL303", "tip", "Class and source go together", tuple(ids[:40]), value=0.2222),
        find("LL101", "passed", "None of 40 patients has images in more than one role"),
        find("LL105", "not_applicable", "No image has a copy")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return make_prepared(tmp_path_factory.mktemp("data"), clean_frame(80))


@pytest.fixture(scope="module")
def exploration(data: PreparedData) -> Exploration:
    return look_at(data)


@pytest.fixture(scope="module")
def text(data: PreparedData, exploration: Exploration) -> str:
    return page.render(data, some_findings(data.cohort.ids),
                       {"LL403": "settled with the <authors>"}, exploration)


def strip(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize(("sections", "line"), [
    (("issue", "issue"), "2 issues to settle before any number from this data is used"),
    (("issue", "passed"), "1 issue to settle before any number from this data is used"),
    (("tip", "passed"), "0 issues found; 1 note to know"),
    (("passed", "passed"), "0 issues found"),
])
def test_the_verdict_is_one_line_at_the_top(
    data: PreparedData, sections: tuple[str, str], line: str
):
    findings = [find(code, section, "It is so")
                for code, section in zip(("LL303", "LL305"), sections, strict=True)]
    text = page.render(data, findings, {}, NOTHING)
    verdict = re.search(r'<p class="big">(.*?)</p>', text, re.DOTALL)
    assert verdict is not None
    assert strip(verdict[1]).strip() == line
    assert text.index('class="big"') < text.index("<main")


def test_each_finding_opens_to_its_evidence(text: str):
    issue = strip(text[text.index('id="LL104"'): text.index('id="LL303"')])
    check = CHECKS["LL104"]
    assert f"{check.title} LL104 1 near pair is in two roles. Evidence" in issue
    assert f"Why it matters{check.why}" in issue.replace("matters ", "matters")
    assert check.remedy[1:] in issue
    assert "2 images" in issue


def test_how_a_check_looks_is_told_on_the_page_as_in_the_docs(text: str):
    docs = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    told = re.sub(r"\[([^]]+)]\([^)]+\)", r"\1", docs.replace("`", "").replace('"', "'"))
    told = re.sub(r"\s+", " ", told)
    checks = [check for check in CHECKS.values() if check.how and f"### {check.code} " in docs]
    assert checks
    assert [check.code for check in checks
            if f"**How it is found.** {check.how} **" not in told] == []
    assert CHECKS["LL104"].how in text


def test_issues_are_open_and_the_rest_is_closed(text: str):
    for code, is_open in (("LL104", True), ("LL303", False), ("LL101", False)):
        found = re.search(rf'id="{code}".*?<details( open)?>', text, re.DOTALL)
        assert found is not None
        assert bool(found[1]) is is_open


def test_the_ids_that_are_not_named_are_counted(text: str):
    assert f"and {40 - page.MOST_IDS} more, all in audit.json" in text
    assert "12 of 40 images shown." in text


def test_copies_are_shown_in_pairs_with_class_and_role(text: str, data: PreparedData):
    first, second = data.cohort.ids[:2]
    gallery = text[text.index('<ul class="gallery pairs"'):]
    pair = strip(gallery[: gallery.index("</ul>")])
    rows = data.frame.loc[[first, second]]
    for isic_id, target, role in zip(rows.index, rows["target"], rows["role"], strict=True):
        assert f"{isic_id}{target}, {role}" in pair


def test_a_finding_leads_to_the_charts_that_show_it(text: str):
    assert '<a href="#eda-source">Source</a>' in text
    targets = {attributes.get("href") for attributes in Page(text).all("a")}
    ids = {f"#{attributes['id']}" for _, attributes in Page(text).tags if "id" in attributes}
    assert targets <= ids


def test_a_code_in_a_sentence_leads_to_its_finding(data: PreparedData):
    finding = find("LL305", "tip", "Size tells the class")
    finding = Finding(**finding.to_dict() | {
        "explanation": f"{finding.explanation} Look at LL303 first, which may be the cause.",
        "isic_ids": ()})
    text = page.render(data, [find("LL303", "issue", "It is so"), finding], {}, NOTHING)
    assert ('Size tells the class. Look at <a href="#LL303">LL303</a> first, which may be the '
            "cause.") in text


def test_what_was_skipped_is_listed_with_its_reason(text: str):
    skipped = text[text.index('<section id="skipped"'):]
    assert "1 check skipped" in text
    assert "settled with the &lt;authors&gt;" in skipped[: skipped.index("</section>")]


def test_the_page_makes_no_request_and_runs_no_script(text: str):
    for _, attributes in Page(text).tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert re.match(r"^(#|data:)", attributes.get(name) or "#"), attributes
    assert not re.search(r"@import|<link|<script|<iframe|url\(\s*['\"]?(?!#)|\son\w+=", text)
    assert not re.search(r"https?://", text)


def test_every_id_on_the_page_is_there_once(text: str):
    ids = [attributes["id"] for _, attributes in Page(text).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_picture_and_drawing_has_a_text_alternative(text: str):
    found = Page(text)
    assert all(image["alt"] for image in found.all("img"))
    assert found.all("svg")
    assert all(drawing["aria-label"] for drawing in found.all("svg"))


def test_what_scrolls_can_be_reached_by_key(text: str):
    scrolling = [attributes for attributes in Page(text).all("div")
                 if attributes.get("class") == "scroll"]
    assert scrolling
    assert all(div.get("tabindex") == "0" and div.get("aria-label") for div in scrolling)


def test_open_findings_are_printed_open(text: str):
    printed = text[text.rindex("@media print"):]
    assert "details::details-content { display: block; content-visibility: visible;" in printed


def test_the_notice_stands_on_the_page(text: str):
    assert text.count(RESEARCH_USE) == 2


def test_every_chart_is_in_the_contents_and_has_its_numbers(text: str, exploration: Exploration):
    contents = text[text.index('<ul class="contents">'): text.index('class="part"')]
    for chart in exploration.charts:
        key = f"eda-{chart.figure.name}"
        assert f'<a href="#{key}">{chart.figure.title}</a>' in contents
        shown = text[text.index(f'<figure id="{key}"'):]
        assert "<table" in shown[: shown.index("</figure>")]


def test_names_of_the_users_own_cannot_break_the_page(tmp_path: Path):
    nasty = '"><script>alert(1)</script>'
    frame = clean_frame(40).assign(**{nasty: np.where(np.arange(40) % 2, nasty, "b")})
    frame["target"] = frame["target"].replace({"Benign": nasty})
    data = make_prepared(tmp_path, frame, classes=(nasty, "Malignant"))
    nothing = pd.DataFrame(index=data.cohort.ids)
    text = page.render(data, some_findings(data.cohort.ids), {"LL403": nasty},
                       explore(data.frame, data.classes, nothing, nothing))
    assert "<script" not in text
    assert not any("script" in tag for tag, _ in Page(text).tags)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.parametrize("num_classes", [4, 20])
def test_any_number_of_classes_is_drawn(tmp_path: Path, num_classes: int):
    names = tuple(f"class_{number:02}" for number in range(num_classes))
    frame = clean_frame(120)[["source", "age_approx", "target", "role", "group_id"]]
    frame["target"] = np.random.default_rng(0).choice(names, 120)
    data = make_prepared(tmp_path, frame, classes=names)
    nothing = pd.DataFrame(index=frame.index)
    text = page.render(data, [], {}, explore(frame, names, nothing, nothing))
    legend = text[text.index('<ul class="legend"'):]
    assert legend[: legend.index("</ul>")].count("<li>") == min(8, num_classes)
    assert ("The rarest classes count as one." in text) is (num_classes > 8)


def test_the_same_data_give_the_same_bytes(
    data: PreparedData, exploration: Exploration, text: str
):
    again = page.render(data, some_findings(data.cohort.ids),
                        {"LL403": "settled with the <authors>"}, exploration)
    assert again == text
