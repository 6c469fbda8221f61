"""A progress bar is shown where somebody can see it."""

import sys
import types

import pytest

from lesionlab.scaling.progress import progress


def test_without_a_terminal_there_is_no_progress_bar(capsys: pytest.CaptureFixture) -> None:
    with progress(10, "reading") as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_a_notebook_shows_a_progress_bar(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = types.SimpleNamespace(kernel=object())
    notebook = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)  # type: ignore[arg-type]
    with progress(10, "reading") as bar:
        bar.delay = 0
        bar.update(10)
        bar.refresh()
    assert "reading: 100%" in capsys.readouterr().err
