"""The docs are true: their commands run, their links lead somewhere, their lists are whole."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest
import typer

from lesionlab.cli.main import app
from lesionlab.core.recipe import Recipe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md",
                                  "CONTRIBUTING.md")] + sorted(DOCS.rglob("*.md"))
NOT_RUN = DOCS / "reference"
"""Examples there are syntax, not a story."""

BLOCK = re.compile(r"(?:^<!-- (?P<mark>.+?) -->\n)?^```console\n(?P<text>.*?)^```$",
                   re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")


def find_scripts(page: Path) -> Iterator[str]:
    """The commands of each `console` block, in order.

    A comment before the block may say `not run: REASON`, or `run as: THIS => THAT` where the
    commands are run with a smaller THAT in the place of THIS.
    """
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        mark, lines = found["mark"] or "", found["text"].splitlines()
        script = "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))
        if mark.startswith("run as: "):
            this, that = mark.removeprefix("run as: ").split(" => ")
            assert this in script, f"{page}: {this!r} is not in the block"
            script = script.replace(this, that)
        if not mark.startswith("not run: "):
            yield script


def follow(page: Path, folder: Path) -> None:
    """Run the commands of a page in `folder`, as a reader would."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "XDG_CACHE_HOME": str(folder / ".cache")}
    for script in find_scripts(page):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder,
                              env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page.name}:\n{script}\n{done.stderr}"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slugs(page: Path) -> set[str]:
    """The anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who has followed the tutorial."""
    folder = tmp_path_factory.mktemp("tutorial")
    follow(TUTORIAL, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [
    pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES
    if page != TUTORIAL and NOT_RUN not in page.parents and list(find_scripts(page))])
def test_the_commands_of_every_page_run_after_the_tutorial(page: Path, followed: Path):
    follow(page, followed)


@pytest.mark.slow
@pytest.mark.parametrize("file", [
    "data/manifest.json", "data/audit.json", "runs/fusion_frozen/training.json",
    "runs/fusion_frozen/bundle/manifest.json", "runs/fusion_frozen/report/report.json"])
def test_every_key_of_a_json_file_is_in_the_reference(file: str, followed: Path):
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    keys = json.loads((followed / file).read_text(encoding="utf-8")).keys()
    assert [key for key in keys if f"`{key}`" not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("file", [
    "data/split.parquet", "runs/fusion_frozen/predictions_test.parquet"])
def test_every_column_of_a_table_is_in_the_reference(file: str, followed: Path):
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    names = [re.sub("^p_.*", "p_<class>", name) for name in pq.read_schema(followed / file).names]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.slow
def test_every_file_of_data_and_run_is_in_the_reference(followed: Path):
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    names = {path.name for folder in ("data", "runs/fusion_frozen")
             for path in (followed / folder).rglob("*") if path.suffix != ".arrow"}
    assert sorted(name for name in names if name.removesuffix("/") not in text) == []


def test_every_command_is_in_the_tutorial_or_a_how_to():
    scripts = "\n".join(script for page in (TUTORIAL, *(DOCS / "how-to").glob("*.md"))
                        for script in find_scripts(page))
    names = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in names if f"lesionlab {name}" not in scripts] == []


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`| {4})make (\w+)", text))
    assert {"demo", "test"} <= named
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_inside_the_repository_leads_somewhere(page: Path):
    broken = []
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        if link["path"].startswith(("http://", "https://", "mailto:")):
            continue
        target = (page.parent / link["path"]) if link["path"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in slugs(target)):
            broken.append(link.group())
    assert broken == []


@pytest.mark.parametrize("name", ["cli.md", "columns.md", "faults.md"])
def test_the_generated_pages_are_current(name: str):
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == load_generator().PAGES[name](), "run: make docs"


def test_the_architecture_names_every_module_of_the_first_level():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "src" / "lesionlab").iterdir()
             if path.suffix == ".py" and path.stem != "__init__"}
    names |= {path.parent.name + "/" for path in (ROOT / "src" / "lesionlab").glob("*/__init__.py")}
    assert sorted(name for name in names if name not in text) == []


def test_every_setting_of_a_recipe_is_in_the_reference():
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    tree = Recipe.from_dict({"format_version": 1, "name": "any", "model": {"head": "prevalence"}})
    paths = [f"{branch}.{leaf}" for branch, leaves in tree.to_dict().items()
             if isinstance(leaves, dict) for leaf in leaves]
    assert [path for path in paths if f"`{path}`" not in text] == []
