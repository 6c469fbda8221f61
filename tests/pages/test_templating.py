import pytest
from jinja2 import UndefinedError

from lesionlab.pages.templating import open_templates

PAGES = [("lesionlab.auditing", "audit.html.j2"), ("lesionlab.evaluation", "report.html.j2"),
         ("lesionlab.evaluation", "leaderboard.html.j2")]


@pytest.mark.parametrize(("package", "page"), PAGES)
def test_every_page_begins_with_the_shared_style(package: str, page: str):
    templates = open_templates(package)
    source = templates.loader.get_source(templates, page)[0]
    assert '<style>\n{% include "style.css" %}\n' in source
    assert templates.get_template("style.css").render()


@pytest.mark.parametrize("package", ["lesionlab.auditing", "lesionlab.evaluation"])
def test_no_stylesheet_asks_for_another_file(package: str):
    templates = open_templates(package)
    sheets = [name for name in templates.list_templates() if name.endswith(".css")]
    texts = {name: templates.get_template(name).render() for name in sheets}
    assert len(texts) >= 2
    assert [name for name, text in texts.items() if "url(" in text or "@import" in text] == []


def test_what_is_shown_is_escaped():
    templates = open_templates("lesionlab.auditing")
    assert templates.from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"


def test_a_name_that_is_not_given_is_an_error():
    templates = open_templates("lesionlab.auditing")
    with pytest.raises(UndefinedError):
        templates.from_string("{{ name }}").render()
