"""Without the extra `train`, everything but training works, and training says what is missing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import TrainSmall
from lesionlab.dataset.prepared import PreparedData

EXTRA_TRAIN = ["lightgbm", "lightning_fabric", "onnx", "onnxmltools", "onnxscript", "safetensors",
               "skl2onnx", "timm", "torch", "torchvision"]
HEAVY = ["matplotlib", "onnxruntime", "pandas", "pyarrow", "scipy", "sklearn", "torch"]
CORE_MODULES = [
    "lesionlab", "lesionlab.archive.fetching", "lesionlab.auditing.report",
    "lesionlab.cli.main", "lesionlab.dataset.building", "lesionlab.evaluation.comparing",
    "lesionlab.evaluation.report",
    "lesionlab.inference.comparing", "lesionlab.inference.predicting",
    "lesionlab.inference.scoring", "lesionlab.phantoms.making"]

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
LIST_LOADED = f"import json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
SHOW_HELP = "sys.argv = ['lesionlab', '--help']; from lesionlab.cli.main import main; main()"


def run_python(code: str, *, absent: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter that cannot import the packages `absent`."""
    program = WITHOUT.format(names=set(absent or [])) + code
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)


def test_the_core_imports_without_the_extra_train():
    code = f"import importlib\nfor name in {CORE_MODULES}: importlib.import_module(name)"
    done = run_python(code, absent=EXTRA_TRAIN)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_core_does_not_import_the_extra_train():
    code = (f"import importlib\nfor name in {CORE_MODULES}: importlib.import_module(name)\n"
            f"print([m for m in {EXTRA_TRAIN} if m in sys.modules])")
    assert run_python(code).stdout == "[]\n"


def test_help_works_without_the_extra_train():
    done = run_python(SHOW_HELP, absent=EXTRA_TRAIN)
    assert (done.returncode, done.stderr) == (0, "")
    commands = ["fetch", "phantom", "prepare", "audit", "recipes", "train", "study",
                "evaluate", "compare", "predict"]
    assert [name for name in commands if f"\n  {name} " not in done.stdout] == []


@pytest.mark.parametrize("absent", ["lightning_fabric", "onnx", "torch"])
def test_training_without_its_extra_says_what_to_install(absent: str):
    code = ("try: import lesionlab.training.fit\n"
            "except ImportError as error: print(type(error).__name__, error, sep='|', end='')")
    done = run_python(code, absent=[absent])
    assert done.stdout == (
        f"MissingExtraError|training needs the extra 'train' (No module named '{absent}'); "
        "pip install 'lesionlab[train]'")


def test_importing_lesionlab_loads_nothing_heavy():
    done = run_python(f"import lesionlab\n{LIST_LOADED}")
    assert json.loads(done.stdout) == []


def test_help_loads_nothing_heavy():
    code = f"try: {SHOW_HELP}\nexcept SystemExit: pass\n{LIST_LOADED}"
    assert json.loads(run_python(code).stdout.splitlines()[-1]) == []


@pytest.mark.slow
def test_the_core_audits_evaluates_and_predicts_end_to_end(
    prepared: PreparedData, train_small: TrainSmall, phantom_folder: Path, tmp_path: Path
):
    run, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(train_small("fusion_frozen"), run)
    shutil.copytree(prepared.folder, data)
    trees = train_small("metadata_boosting")
    other, out = tmp_path / "other.csv", tmp_path / "predictions.csv"
    ids = prepared.rows("test").index
    pd.DataFrame({"isic_id": ids, "p_Malignant": 0.5}).to_csv(other, index=False)
    commands = [
        ["audit", data], ["evaluate", run, "--data", data], ["evaluate", other, "--data", data],
        *(["predict", bundle, phantom_folder, "--metadata", phantom_folder / "metadata.csv",
           "--out", out] for bundle in (run, trees))]
    arguments = [[str(part) for part in ["lesionlab", *command]] for command in commands]
    done = run_python(f"""
from lesionlab.cli.main import main
for sys.argv in {arguments!r}:
    try:
        main()
    except SystemExit as stop:
        print(sys.argv[1], stop.code, file=sys.stderr)
""", absent=EXTRA_TRAIN)
    ends = [line for line in done.stderr.splitlines() if line.split()[0] in ("audit", "evaluate",
                                                                            "predict")]
    assert ends == ["audit 0", "evaluate 0", "evaluate 0", "predict 0", "predict 0"], done.stderr
    table = pd.read_csv(out)
    assert len(table) == len(list((phantom_folder / "images").iterdir()))
    assert table["p_Malignant"].between(0, 1).all()
    assert (run / "report" / "report.html").is_file()
    assert (tmp_path / "other_report" / "report.json").is_file()


def test_the_command_train_without_its_extra_exits_2(prepared: PreparedData, tmp_path: Path):
    arguments = ["lesionlab", "train", str(prepared.folder), "--recipe", "prevalence", "--out",
                 str(tmp_path / "run")]
    done = run_python(f"from lesionlab.cli.main import main; sys.argv = {arguments!r}; main()",
                      absent=EXTRA_TRAIN)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: training needs the extra 'train' (No module named 'torch'); "
                           "pip install 'lesionlab[train]'\n")
