"""The ledger: every look at the test images of prepared data, a line each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import lesionlab
from lesionlab.core.copies import is_copy
from lesionlab.core.errors import StoreError
from lesionlab.dataset.prepared import PreparedData

LEDGER_FILE = "ledger.jsonl"
"""In the prepared folder; no part of its digests."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One scoring of images that a model was to be tested on."""

    data: str
    """Digest of the prepared data."""
    role: str
    """`test`, or `external` where another cohort's model was tested."""
    model: str
    """Digest of the bundle, or of the predictions of another tool."""
    recipe: str
    """Digest of the recipe; of another tool's predictions their `run`."""
    recipe_name: str | None
    run: str
    """Name of the run's folder, or of the table of predictions, without the way to it."""
    num_images: int
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """Of day, UTC, ISO 8601."""
    lesionlab_version: str = lesionlab.__version__


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How often images were looked at; the same model again is no further look."""

    num: int
    """Different models that were scored."""
    num_recipes: int
    """Different recipes among them; a table of another tool counts as one."""

    @property
    def text(self) -> str:
        """The number in a sentence.

        >>> Looks(num=7, num_recipes=1).text
        'This is look 7 at these test images, by 1 recipe.'
        """
        if self.num == 1:
            return "This is the first look at these test images."
        recipes = f"{self.num_recipes:,} recipe" + ("" if self.num_recipes == 1 else "s")
        return f"This is look {self.num:,} at these test images, by {recipes}."


def record_look(data: PreparedData, look: Look) -> tuple[Looks, str]:
    """Add a look to the ledger of `data` and count it with those before.

    Returns:
        The looks at the same role of the same data, and a note for the user, empty where the look
        was recorded: a folder that cannot be written does not stop an evaluation.

    Raises:
        StoreError: the ledger is not readable as text.
    """
    path = data.folder / LEDGER_FILE
    looks = count_looks([*read_ledger(path), asdict(look)], look)
    if is_copy(data.folder):
        return looks, ("the data are behind a URL, and looks at the test images are recorded in "
                       "folders on disk only: other machines do not know of this one")
    try:
        _append(path, json.dumps(asdict(look), ensure_ascii=False))
    except OSError as error:
        return looks, (f"this look at the test images could not be recorded in {path} "
                       f"({error.strerror or error}), so later ones will not count it")
    return looks, ""


def read_ledger(path: Path) -> list[dict[str, object]]:
    """The looks in a ledger, in order; lines that a crash tore are left out, no file is none.

    Raises:
        StoreError: the file is not text.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is not UTF-8 ({error}); move it away, and say in "
                         "what you publish that earlier looks are not counted") from error
    return [look for look in map(_parse, lines) if look is not None]


def count_looks(looks: Iterable[dict[str, object]], last: Look) -> Looks:
    """How many models and recipes have looked at the images that `last` looked at."""
    same = [look for look in looks
            if look.get("data") == last.data and look.get("role") == last.role]
    return Looks(num=len({str(look.get("model")) for look in same}),
                 num_recipes=len({str(look.get("recipe")) for look in same}))


def _parse(line: str) -> dict[str, object] | None:
    try:
        look = json.loads(line)
    except ValueError:
        return None
    return look if isinstance(look, dict) else None


def _append(path: Path, line: str) -> None:
    """Add a line by one unbuffered write at the end, so that no other process comes between."""
    with path.open("ab+", buffering=0) as file:
        is_torn = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            is_torn = file.read(1) != b"\n"
        # A line that a crash or a full disk tore does not swallow this one.
        file.write(b"\n" * is_torn + f"{line}\n".encode())
