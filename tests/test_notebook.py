"""The notebook of the study runs from the raw cohort to the leaderboard, figures in place."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from conftest import SMALL_SETTINGS

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "original_study.ipynb"
SECONDS = 1200
"""Most that a cell may take; far more than it does, for a busy machine."""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the kernel's sockets, whose paths must be short, and nobody's settings."""
    folder = Path(tempfile.mkdtemp(prefix="nb"))
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name.lower()[:11]))
    yield folder
    shutil.rmtree(folder)


SMALL = {name: [*SMALL_SETTINGS[name], "model.backbone=study_cnn", "model.weights=random"]
         for name in ("image_cnn", "mobilenetv2_5000", "mobilenetv2_5000_unbalanced",
                      "mobilenetv2_5000_aug_frozen", "mobilenetv2_5000_metadata",
                      "multiclass_frozen")}
"""A backbone of two layers, for it is packing a deep one that takes long."""
SMALL |= {"metadata_mlp": SMALL_SETTINGS["metadata_mlp"]}


def shrink(notebook: NotebookNode) -> None:
    """Follow the cell of parameters by one that makes the phantom and the networks small."""
    place = next(k for k, cell in enumerate(notebook.cells)
                 if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(
        f"PATIENTS, SIZE_PX = 40, 48\nSETTINGS = {SMALL!r}"))


def execute(notebook: NotebookNode, folder: Path, runtime: Path) -> None:
    """Run all cells in `folder`, by sockets in the file system."""
    settings = Config()
    settings.KernelManager.transport = "ipc"
    settings.KernelManager.ip = str(runtime / "k")
    NotebookClient(notebook, config=settings, kernel_name="python3", timeout=SECONDS,
                   resources={"metadata": {"path": str(folder)}}).execute()


def list_outputs(notebook: NotebookNode) -> list[dict[str, str]]:
    """What every cell shows, by MIME type."""
    return [{kind: str(value) for kind, value in output.get("data", {}).items()}
            for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.slow
def test_the_notebook_runs_from_the_cohort_to_the_leaderboard(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shrink(notebook)
    execute(notebook, tmp_path, runtime)
    shown = list_outputs(notebook)
    assert sum("image/png" in output for output in shown) >= 8
    pages = "".join(output.get("text/html", "") for output in shown)
    for name in ("Cohort", "PreparedData", "Split", "Predictions", "Leaderboard"):
        assert f"<strong>{name}</strong>" in pages
    assert "LL304" in pages  # the planted order of labels was found
    study = json.loads((tmp_path / "original_study" / "study" / "study.json").read_text())
    assert {row["name"]: row["failure"] for row in study["experiments"]
            if row["failure"] and row["name"] != "multiclass_frozen"} == {}


def test_what_is_committed_names_no_machine() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    outputs = [value for shown in list_outputs(nbformat.reads(text, as_version=4))
               for kind, value in shown.items() if not kind.startswith("image/")]
    folders = (str(Path.home()), tempfile.gettempdir(), str(NOTEBOOK.parents[1]), os.sep + "usr")
    assert [output for output in outputs
            if any(re.search(rf"{re.escape(folder)}\b", output) for folder in folders)] == []
