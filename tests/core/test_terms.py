"""Every column has one role."""

from lesionlab.core.terms import COLUMNS, OTHER_NAMES, REASONS, STUDY_INPUTS, WIDE_INPUTS


def test_only_inputs_have_no_reason_to_be_refused() -> None:
    assert [role for role, reason in REASONS.items() if not reason] == ["input"]
    assert {column.role for column in COLUMNS.values()} <= set(REASONS)
    assert not OTHER_NAMES.keys() & COLUMNS.keys()
    assert "input" not in OTHER_NAMES.values()
    assert all(COLUMNS[name].role == "input" for name in (*STUDY_INPUTS, *WIDE_INPUTS))
