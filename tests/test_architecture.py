"""The rules of style that a tool can count."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import lesionlab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lesionlab"
MODULES = sorted(PACKAGE.rglob("*.py"))
BANNED_NAMES = {"base", "common", "helpers", "manager", "misc", "utils"}

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_NESTING = 3

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function of the package, with a name to find it by."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", node


def count_lines(function: ast.FunctionDef) -> int:
    """Lines from `def` to the end, less the docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def count_nesting(node: ast.AST) -> int:
    """How deep blocks lie in each other; an `elif` is no deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SCOPES):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        is_deeper = isinstance(child, BLOCKS) and not is_elif
        deepest = max(deepest, is_deeper + count_nesting(child))
    return deepest


def tracked_files() -> list[Path]:
    """Files that git tracks or would: all but the ignored ones."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_module_is_longer_than_300_lines():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
               for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_function_is_longer_than_40_lines():
    lengths = {name: count_lines(function) for name, function in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_no_block_lies_deeper_than_three():
    depths = {name: count_nesting(function) for name, function in functions()}
    assert {name: depth for name, depth in depths.items() if depth > MAX_NESTING} == {}


def test_an_elif_is_no_deeper_than_its_if():
    source = "def f(x):\n if x:\n  pass\n elif not x:\n  pass\n else:\n  for _ in x:\n   pass\n"
    assert count_nesting(ast.parse(source).body[0]) == 2


def test_no_name_is_a_drawer_for_odds_and_ends():
    folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks"]
    parts = {part for folder in folders for path in folder.rglob("*.py")
             for part in path.relative_to(ROOT).with_suffix("").parts}
    assert parts & (BANNED_NAMES | {f"test_{name}" for name in BANNED_NAMES}) == set()


def test_every_module_says_in_one_line_what_it_is():
    docs = {str(path.relative_to(ROOT)): ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            for path in MODULES}
    is_one_line = re.compile(r"[^\n]+\.(\n\n|\Z)")
    assert [name for name, text in docs.items() if not is_one_line.match(text)] == []


def test_the_init_of_a_subpackage_holds_only_a_docstring():
    inits = [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE]
    bodies = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")).body
              for path in inits}
    assert [name for name, body in bodies.items() if len(body) != 1] == []


def test_no_tracked_file_names_a_machine_or_an_index():
    private = re.compile(
        r"(?<![\w.~\-/*}])/(home|mnt|opt|root|tmp|work|Users)/\w"
        r"|[A-Z]:\\Users|--(extra-)?index-url|--find-links")
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in tracked_files()
             if path != Path(__file__)}
    assert [f"{path.relative_to(ROOT)}: {found.group()}" for path, text in texts.items()
            if (found := private.search(text))] == []


@pytest.mark.parametrize("name", lesionlab.__all__)
def test_every_public_name_exists(name: str):
    assert getattr(lesionlab, name).__doc__


def test_public_names_are_listed():
    assert dir(lesionlab) == sorted(lesionlab.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError) as caught:
        _ = lesionlab.magic
    assert str(caught.value) == "module 'lesionlab' has no attribute 'magic'"
