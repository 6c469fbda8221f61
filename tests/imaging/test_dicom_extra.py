"""Without the extra `dicom` all else works, and DICOM files say what to install."""

from pathlib import Path

import pytest

from dicom_files import draw_frame, make_file, save
from test_core_install import CORE_MODULES, run_python

EXTRA_DICOM = ["highdicom", "imagecodecs", "pydicom"]
MISSING = ("DICOM files need the extra 'dicom' (No module named '{}'); "
           "pip install 'lesionlab[dicom]'")
CATCH = """
try:
    {}
except Exception as error:
    print(type(error).__name__, getattr(error, "reason", ""), error, sep="|", end="")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return save(tmp_path / "clinic" / "a.dcm", make_file([draw_frame(0)]))


def test_the_core_neither_needs_nor_loads_the_extra() -> None:
    code = (f"import importlib, sys\nfor name in {CORE_MODULES}: importlib.import_module(name)\n"
            f"print([m for m in {EXTRA_DICOM} if m in sys.modules])")
    for absent in ([], EXTRA_DICOM):
        done = run_python(code, absent=absent)
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("absent", ["pydicom", "imagecodecs"])
def test_decoding_without_the_extra_is_unsupported(absent: str, file: Path) -> None:
    code = CATCH.format(f"decode_rgb(open({str(file)!r}, 'rb').read())")
    done = run_python("from lesionlab.imaging.decoding import decode_rgb" + code, absent=[absent])
    assert done.stdout == f"DecodeError|unsupported|{MISSING.format(absent)}"


@pytest.mark.parametrize("call", [
    "from lesionlab.sources.reading import read_sources; read_sources([Path({!r}).parent])",
    "from lesionlab.inference.given_images import list_given; list_given([Path({!r})])"])
def test_reading_a_folder_without_the_extra_says_what_to_install(call: str, file: Path) -> None:
    done = run_python("from pathlib import Path" + CATCH.format(call.format(str(file))),
                      absent=EXTRA_DICOM)
    assert done.stdout == f"MissingExtraError||{MISSING.format('pydicom')}"


def test_reports_without_the_extra_say_what_to_install() -> None:
    done = run_python(CATCH.format("import lesionlab.inference.dicom_reports"),
                      absent=["highdicom"])
    assert done.stdout == f"MissingExtraError||{MISSING.format('highdicom')}"
