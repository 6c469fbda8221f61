"""Every fault that can be planted is found by a check that names it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.making import phantom

COHORT = {"patients": 100, "seed": 1, "image_signal": 1.5, "num_workers": 1}

Plant = Callable[[str | None], Evidence]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom without a fault, whose pictures are drawn once."""
    folder = tmp_path_factory.mktemp("drawn") / "cohort"
    phantom(folder, **COHORT)
    return folder


@pytest.fixture
def plant(drawn: Path, cache: Path, tmp_path: Path) -> Plant:
    """What an audit sees of the phantom with a fault."""
    def make(fault: str | None) -> Evidence:
        phantom(tmp_path / "cohort", **COHORT, fault=fault, pictures=drawn, with_split=True,
                with_sources=True)
        data = prepare([tmp_path / "cohort"], tmp_path / "data", num_workers=1,
                       settings=PrepareSettings(split_column="split", is_split_given=True))
        return Evidence(data=data, cache=cache)

    return make


def test_every_check_that_a_fault_names_is_there():
    assert {code for fault in FAULTS.values() for code in fault.codes} <= set(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_at_full_strength_is_found(plant: Plant, fault: str):
    evidence = plant(fault)
    sections = [CHECKS[code].run(evidence).section for code in FAULTS[fault].codes]
    assert {"issue", "tip"} & set(sections)


@pytest.mark.slow
def test_a_phantom_without_a_fault_has_no_issue_but_few_images(plant: Plant):
    evidence = plant(None)
    issues = {code for code, check in CHECKS.items() if check.run(evidence).section == "issue"}
    assert issues <= {"LL401"}
