import base64
import re

import pandas as pd
from matplotlib.figure import Figure as Canvas

from lesionlab.pages.figures import HUES, INK, Figure, draw_svg, line_style, link_csv, start_canvas

FIGURE = Figure(name="ages", title="Ages <of> all", description='Up to "85".', reading="In years.",
                table=pd.DataFrame({"age": [20.0, 30.0, 85.0], "share": [0.2, 0.5, 0.3]}))


def draw_line(table: pd.DataFrame) -> Canvas:
    canvas, axes = start_canvas(3.0, 2.0)
    axes.plot(table["age"], table["share"], **line_style(0))
    axes.set_title("share of <them>", color=INK)
    return canvas


def test_the_drawing_takes_its_colours_and_font_from_the_page():
    svg = draw_svg(FIGURE, draw_line)
    assert {"var(--ink)", "var(--hue-0)", "var(--line)", "var(--quiet)"} <= set(
        re.findall(r"var\(--[\w-]+\)", svg))
    assert HUES[0] not in svg
    assert INK not in svg
    assert "DejaVu" not in svg


def test_the_drawing_has_no_size_and_no_namespace_of_its_own():
    start = draw_svg(FIGURE, draw_line).partition(">")[0]
    assert start.startswith('<svg role="img" ')
    assert "viewBox" in start
    assert re.findall(r"\b(width|height|xmlns)[:\w]*=", start) == []


def test_a_reader_who_cannot_see_it_is_told_title_and_description():
    svg = draw_svg(FIGURE, draw_line)
    assert 'aria-label="Ages &lt;of&gt; all. Up to &quot;85&quot;."' in svg
    assert "<title>Ages &lt;of&gt; all</title><desc>Up to &quot;85&quot;.</desc>" in svg
    assert "share of &lt;them&gt;" in svg


def test_two_drawings_of_one_figure_share_no_id():
    ids = [re.findall(r'\bid="([^"]+)"', draw_svg(FIGURE, draw_line, prefix=prefix))
           for prefix in ("first", "second")]
    assert ids[0]
    assert set(ids[0]).isdisjoint(ids[1])
    used = re.findall(r'(?:href="|url\()#([^")]+)', draw_svg(FIGURE, draw_line, prefix="first"))
    assert set(used) <= set(ids[0])


def test_the_same_numbers_give_the_same_text():
    assert draw_svg(FIGURE, draw_line) == draw_svg(FIGURE, draw_line)


def test_the_csv_of_a_table_stands_in_its_address():
    kind, _, text = link_csv(FIGURE.frame()).partition(";base64,")
    assert kind == "data:text/csv;charset=utf-8"
    assert base64.b64decode(text).decode() == "age,share\n20,0.2\n30,0.5\n85,0.3\n"


def test_no_two_of_the_first_32_lines_look_alike():
    styles = [str(line_style(number)) for number in range(32)]
    assert len(set(styles)) == 32
