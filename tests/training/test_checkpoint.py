"""A checkpoint is whole or not there, and is read by the training that wrote it alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lesionlab.training import checkpoint
from lesionlab.training.checkpoint import FILE, CheckpointFolder

STATE = {"phase": "tuned", "epoch": 3, "best": -float("inf"), "history": [{"loss": 0.5}],
         "average": None, "network": {"weight": torch.arange(6.0).reshape(2, 3)}}
HISTORY = [{"epoch": 1, "valid_loss": 0.5}, {"epoch": 2, "valid_loss": 0.25}]


@pytest.fixture
def kept(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder.beside(tmp_path / "run", "this training")


def check_equal(found: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    assert found is not None
    plain = {key: value for key, value in expected.items() if key != "network"}
    assert {key: value for key, value in found.items() if key != "network"} == plain
    assert torch.equal(found["network"]["weight"], expected["network"]["weight"])


def test_it_stands_hidden_beside_the_run(kept: CheckpointFolder, tmp_path: Path) -> None:
    assert kept.folder == tmp_path / ".run.unfinished"


def test_what_is_saved_is_loaded(kept: CheckpointFolder) -> None:
    assert kept.load() is None
    kept.save(STATE, HISTORY)
    check_equal(kept.load(), STATE)
    kept.save(STATE | {"epoch": 4}, HISTORY)
    check_equal(kept.load(), STATE | {"epoch": 4})


def test_the_history_lies_beside_it_for_people(kept: CheckpointFolder) -> None:
    kept.save(STATE, [])  # killed in the first epoch
    assert kept.load() is not None
    kept.save(STATE, HISTORY)
    found = (kept.folder / "history.csv").read_text(encoding="utf-8")
    assert found == "epoch,valid_loss\n1,0.5\n2,0.25\n"


def test_that_of_another_training_is_not_read(kept: CheckpointFolder) -> None:
    kept.save(STATE, HISTORY)
    other = CheckpointFolder(folder=kept.folder, key="another training")
    assert other.load() is None
    other.save(STATE, HISTORY)
    assert kept.load() is None


def test_that_of_another_version_is_not_read(
    kept: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(STATE, HISTORY)
    monkeypatch.setattr(checkpoint, "FORMAT_VERSION", 2)
    assert kept.load() is None


def test_a_save_that_fails_leaves_the_last_one(
    kept: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(STATE, HISTORY)

    def fail(self: Path, target: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left on device"):
        kept.save(STATE | {"epoch": 4}, HISTORY)
    check_equal(kept.load(), STATE)
    assert sorted(path.name for path in kept.folder.iterdir()) == [FILE, "history.csv"]


def test_removing_leaves_nothing(kept: CheckpointFolder, tmp_path: Path) -> None:
    kept.save(STATE, HISTORY)
    kept.remove()
    assert list(tmp_path.iterdir()) == []
    assert kept.load() is None
    kept.remove()  # nothing is there, and nothing is wrong with that
