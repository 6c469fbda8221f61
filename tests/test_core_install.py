"""Without the extra `train`, everything but training works, and training says what is missing."""

import json
import subprocess
import sys

import pytest

EXTRA_TRAIN = ["lightgbm", "onnx", "onnxmltools", "onnxscript", "safetensors", "skl2onnx", "timm",
               "torch", "torchvision"]
HEAVY = ["matplotlib", "onnxruntime", "pandas", "pyarrow", "scipy", "sklearn", "torch"]
CORE_MODULES = [
    "lesionlab", "lesionlab.auditing.report", "lesionlab.cli", "lesionlab.dataset.building",
    "lesionlab.evaluation.comparing", "lesionlab.evaluation.report",
    "lesionlab.inference.predicting", "lesionlab.inference.scoring", "lesionlab.sources.phantom"]

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
LIST_LOADED = f"import json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
SHOW_HELP = "sys.argv = ['lesionlab', '--help']; from lesionlab.cli import main; main()"


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
    commands = ["phantom", "prepare", "audit", "recipes", "train", "evaluate", "compare", "predict"]
    assert [name for name in commands if f"\n  {name} " not in done.stdout] == []


@pytest.mark.parametrize("absent", ["onnx", "torch"])
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
