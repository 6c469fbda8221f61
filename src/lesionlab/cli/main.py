"""The command `lesionlab`: its parts, and what every end of it looks like."""

from __future__ import annotations

import errno
import logging
import sys
from typing import Annotated

import typer

import lesionlab
from lesionlab.cli import archive, auditing, data, results, training
from lesionlab.cli.output import note, say
from lesionlab.core.errors import LesionLabError
from lesionlab.core.terms import RESEARCH_USE

USERS_TROUBLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
                 errno.ENOTDIR}
"""What the system says where a folder may not be written or the disk is full."""

app = typer.Typer(
    help=f"{lesionlab.__doc__.splitlines()[0] if lesionlab.__doc__ else ''} {RESEARCH_USE}",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None)
for part in (archive, data, auditing, training, results):
    app.add_typer(part.app)


def main() -> None:
    """Run a command; exit 0 fine, 1 findings, 2 the user's error, 3 a bug, 130 interrupted."""
    _show_log()
    try:
        app(prog_name="lesionlab")  # whatever started it, such as `python -m`
    except SystemExit as stop:
        if stop.code == 130:  # Typer's answer to an interrupt
            note("stopped; run the same command again to go on")
        raise
    except LesionLabError as error:
        note(f"error: {error}")
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left is a bug of ours
        if isinstance(error, OSError) and error.errno in USERS_TROUBLE:
            note(f"error: {error.filename or 'writing'}: {error.strerror}")
            sys.exit(2)
        import traceback

        traceback.print_exc()
        note(f"this is a bug in lesionlab {lesionlab.__version__}; please report it with the "
             "lines above")
        sys.exit(3)


class _Notes(logging.Handler):
    """Shows what the package logs, such as the size of what it is about to cache."""

    def emit(self, record: logging.LogRecord) -> None:
        note(f"note: {record.getMessage()}")


def _show_log() -> None:
    """Have the package's own log on stderr, and nobody else's."""
    log = logging.getLogger("lesionlab")
    if not any(isinstance(handler, _Notes) for handler in log.handlers):
        log.addHandler(_Notes())
        log.setLevel(logging.INFO)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        say(lesionlab.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option(
        "--version", callback=_show_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    del version


if __name__ == "__main__":  # torchrun starts modules, not commands
    main()
