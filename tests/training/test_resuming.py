"""A training that is killed at any moment goes on and ends with the same bytes."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import SMALL_NETWORK
from lesionlab.core import artifacts
from lesionlab.dataset.prepared import PreparedData

pytestmark = pytest.mark.slow

SETTINGS = [*SMALL_NETWORK, "fit.frozen_epochs=1", "fit.max_epochs=2", "fit.ema_decay=0.9",
            "fit.mixup=0.2", "model.dropout=0.2", "image.num_views=3", "metadata.dropout=0.5",
            "fit.batch_size=24", "fit.precision=float32"]

TRAIN = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from lesionlab.dataset.prepared import PreparedData
from lesionlab.recipes import find_recipe
from lesionlab.training import loop
from lesionlab.training.fit import train

data, out, cache, kill_at, *settings = sys.argv[1:]
loop.CHECKPOINT_SECONDS, loop.READ_EVERY = 0.0, 1
step, steps = loop.train_step, [0]

def count(*arguments):
    if steps[0] == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)
    steps[0] += 1
    return step(*arguments)

loop.train_step = count
recipe = find_recipe("fusion_concat").with_settings(settings)
train(PreparedData.load(Path(data)), recipe, Path(out), cache=Path(cache))
print(steps[0])
"""


def run(data: PreparedData, out: Path, cache: Path, kill_at: int) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", TRAIN, str(data.folder), str(out), str(cache), str(kill_at),
         *SETTINGS], capture_output=True, text=True, check=False)


def test_killed_trainings_end_with_the_same_weights(
    prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    whole = run(prepared, tmp_path / "whole", cache, kill_at=-1)
    assert whole.returncode == 0, whole.stderr
    num_steps = int(whole.stdout)
    assert num_steps >= 12
    out = tmp_path / "killed"
    done = 0
    for kill_at in (2, 3, 4, -1):  # in the frozen phase, after it, in an epoch of the second
        killed = run(prepared, out, cache, kill_at)
        if kill_at < 0:
            assert killed.returncode == 0, killed.stderr
            done += int(killed.stdout)
            break
        assert killed.returncode == -9
        assert not out.exists()
        assert (tmp_path / ".killed.unfinished" / "checkpoint.pt").is_file()
        done += kill_at
    assert done == num_steps  # each checkpoint was written at once, so no step is done twice
    assert not (tmp_path / ".killed.unfinished").exists()
    for name in ("model.onnx", "weights.safetensors"):
        assert artifacts.digest_file(out / "bundle" / name) == artifacts.digest_file(
            tmp_path / "whole" / "bundle" / name), name
    columns = ["phase", "epoch", "train_loss", "valid_loss", "valid_auroc", "learning_rate"]
    histories = [pd.read_csv(tmp_path / name / "history.csv")[columns]
                 for name in ("whole", "killed")]
    pd.testing.assert_frame_equal(*histories)
    assert histories[0]["phase"].tolist() == ["frozen", "tuned", "tuned"]
