import json
from pathlib import Path

import pandas as pd
import pytest

from lesionlab.auditing.evidence import Evidence
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.phantoms.making import phantom


@pytest.mark.slow
def test_altered_copies_of_a_phantom_are_found_and_no_other_pair(tmp_path: Path, cache: Path):
    phantom(tmp_path / "cohort", patients=40, fault="duplicate-leak", image_size=(256, 192),
            num_workers=1)
    data = prepare([tmp_path / "cohort"], tmp_path / "data", num_workers=1,
                   settings=PrepareSettings(split_column="split", is_split_given=True))
    planted = pd.DataFrame(json.loads(
        (tmp_path / "cohort" / "phantom.json").read_text())["planted"]["copies"])
    planted = planted[planted["isic_id"].isin(data.cohort.ids)]
    found = Evidence(data=data, cache=cache).copies
    pairs = {frozenset(pair) for pair in found[["isic_id", "copy_of"]].to_numpy().tolist()}
    wanted = {frozenset(pair) for pair in planted[["isic_id", "copy_of"]].to_numpy().tolist()}
    assert set(planted["variant"]) >= {"flipped", "cropped"}
    assert pairs <= wanted
    assert len(pairs) >= 0.8 * len(wanted)
