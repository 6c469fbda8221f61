import re
from pathlib import Path

from lesionlab.auditing.registry import CHECKS

ROOT = Path(__file__).parents[2]
PARTS = ("What it means", "How it is found", "Why it matters", "What to do")


def written_sections() -> dict[str, str]:
    """The text of docs/findings.md under the heading of each code."""
    text = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    found = re.split(r"^### (LL\d{3}) .+$", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_code_in_the_package_has_a_section_and_no_other():
    source = "\n".join(path.read_text(encoding="utf-8")
                       for path in (ROOT / "src" / "lesionlab").rglob("*.py"))
    assert set(re.findall(r'"(LL\d{3})"', source)) == set(written_sections())
    assert set(CHECKS) <= set(written_sections())


def test_every_section_says_all_four_things():
    incomplete = [code for code, text in written_sections().items()
                  if not all(f"**{part}.**" in text for part in PARTS)]
    assert incomplete == []


def test_the_heading_is_the_title_of_the_check():
    text = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert [check.code for check in CHECKS.values()
            if f"### {check.code} {check.title}\n" not in text] == []
