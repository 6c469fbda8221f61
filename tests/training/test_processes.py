"""Several processes of torchrun train the network that one process trains."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import SMALL_NETWORK
from lesionlab.dataset.prepared import PreparedData
from lesionlab.recipes import find_recipe
from lesionlab.training.fit import train
from lesionlab.training.run import TrainedRun

pytestmark = pytest.mark.slow

SETTINGS = [*SMALL_NETWORK, "fit.max_epochs=2", "fit.batch_size=16"]

TRAIN = r"""
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from lesionlab.dataset.prepared import PreparedData
from lesionlab.recipes import find_recipe
from lesionlab.training.fit import train

data, out, cache, *settings = sys.argv[1:]
recipe = find_recipe("image_metadata_cnn").with_settings(settings)
run = train(PreparedData.load(Path(data)), recipe,
            Path(out), cache=Path(cache))
sys.stdout.write(f"{run.summary['computed']['num_processes']}\n")  # whole, of two at once
"""


def test_two_processes_learn_what_one_learns(
    prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    recipe = find_recipe("image_metadata_cnn").with_settings(SETTINGS)
    alone = train(prepared, recipe, tmp_path / "alone", cache=cache)
    script = tmp_path / "script.py"
    script.write_text(TRAIN)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(script), str(prepared.folder), str(tmp_path / "both"), str(cache), *SETTINGS],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2"]
    weights = [load_file(tmp_path / name / "bundle" / "weights.safetensors")
               for name in ("alone", "both")]
    for key, value in weights[0].items():
        np.testing.assert_allclose(weights[1][key], value, atol=2e-4, err_msg=key)
    assert TrainedRun.load(tmp_path / "both").summary["num_epochs"] == len(
        (alone.folder / "history.csv").read_text().splitlines()) - 1
    assert not (tmp_path / ".both.unfinished").exists()
