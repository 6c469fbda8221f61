from pathlib import Path

import pytest

from lesionlab.auditing.registry import CHECKS
from lesionlab.dataset.building import prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.phantoms.making import phantom

pytestmark = pytest.mark.slow
NUM_PATIENTS = 60


def prepare_phantom(folder: Path, fault: str | None) -> PreparedData:
    phantom(folder / "cohort", patients=NUM_PATIENTS, seed=0, fault=fault)
    return prepare([folder / "cohort"], folder / "data", num_workers=1)


def test_labels_joined_by_position_are_found(tmp_path: Path):
    finding = CHECKS["LL304"].run(prepare_phantom(tmp_path, "label-order"))
    assert (finding.section, finding.value) == ("issue", 1.0)


def test_a_phantom_without_a_fault_has_no_shortcut(tmp_path: Path):
    data = prepare_phantom(tmp_path, None)
    sections = {code: CHECKS[code].run(data).section
                for code in ("LL101", "LL102", "LL103", "LL104", "LL302", "LL304", "LL305")}
    assert set(sections.values()) == {"passed"}
