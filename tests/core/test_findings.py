"""A finding round-trips through JSON and names its images in order."""

import json

import pytest

from lesionlab.core.findings import Finding


def test_a_finding_round_trips_through_json() -> None:
    finding = Finding(code="LL101", title="copies", section="issue", explanation="2 copies",
                      count=2, isic_ids=("b", "a"), value=0.5)
    assert finding.isic_ids == ("a", "b")
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding


@pytest.mark.parametrize("change", [{"code": "LL1"}, {"code": "XX101"}, {"section": "bad"}])
def test_a_code_or_section_of_another_form_is_a_bug(change: dict) -> None:
    settings = {"code": "LL101", "title": "t", "section": "tip", "explanation": "e"} | change
    with pytest.raises(AssertionError, match="not a "):
        Finding(**settings)
