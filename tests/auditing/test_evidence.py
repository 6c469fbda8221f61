"""What an audit looks at, from real pictures."""

from pathlib import Path

import numpy as np
import pytest

from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.phantoms.making import phantom


@pytest.mark.slow
def test_features_stand_at_their_ids_however_they_are_asked_for(
    prepared: PreparedData, cache: Path
):
    ids = prepared.cohort.ids[:6]
    evidence, other = (Evidence(data=prepared, cache=cache) for _ in range(2))
    parts = [evidence.features("whole", ids[2:4]), evidence.features("whole", ids)]
    assert (parts[0] == parts[1][2:4]).all()
    assert (other.features("whole", ids[::-1])[::-1] == parts[1]).all()
    assert parts[1].dtype == np.float32


@pytest.mark.slow
def test_every_check_answers_where_no_image_is_for_training(tmp_path: Path, cache: Path):
    phantom(tmp_path / "cohort", patients=12, image_size=(96, 72), with_split=True, num_workers=1)
    table = tmp_path / "cohort" / "metadata.csv"
    table.write_text(table.read_text().replace(",train", ",test").replace(",valid", ",test"))
    data = prepare([tmp_path / "cohort"], tmp_path / "data", num_workers=1,
                   settings=PrepareSettings(split_column="split", is_split_given=True))
    evidence = Evidence(data=data, cache=cache)
    assert set(data.frame["role"]) == {"test"}
    assert {code: check.run(evidence).section for code, check in CHECKS.items()}.keys() == (
        CHECKS.keys())
    assert CHECKS["LL306"].run(evidence).section == "not_applicable"
