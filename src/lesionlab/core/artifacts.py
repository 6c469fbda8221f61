"""Writing files so that a crash leaves nothing half-written, and naming content by its digest."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lesionlab.core.remote import is_remote, reaching, refuse_url

_dump = partial(json.dumps, ensure_ascii=False, allow_nan=False)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name in the same folder, then rename it into place.

    Behind a URL it is one object, which its store replaces as a whole.
    """
    if is_remote(path):
        with reaching(path):
            path.write_bytes(data)
        return
    refuse_url(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON with a final newline, atomically; NaN is refused."""
    write_text(path, dump_json(value) + "\n")


def dump_json(value: object) -> str:
    """What `json.dumps` gives with an indent of 2, in a tenth of the time for long tables.

    `json` indents in Python, value by value. A table, a list of flat objects in an object, is
    dumped without, by `json`'s C code, and the breaks between its lines are put in as text.
    """
    if not isinstance(value, dict):
        return _dump(value, indent=2)
    tables = {name: item for name, item in value.items()
              if isinstance(name, str) and _is_table(item)}
    text = _dump(value | dict.fromkeys(tables), indent=2)
    for name, rows in tables.items():
        # At this indent a key stands once, and a line break stands in no text of JSON.
        key = f"\n  {_dump(name)}: "
        text = text.replace(f"{key}null", key + _dump_table(rows))
    return text


def _is_table(value: object) -> bool:
    """Whether `value` is a list of objects, none empty, that hold neither objects nor lists."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(row, dict) and bool(row)
        and not any(isinstance(item, (dict, list, tuple)) for item in row.values())
        for row in value)


def _dump_table(rows: list[dict[str, object]]) -> str:
    # Values and objects are parted by the same text, in which objects are told by their braces.
    text = _dump(rows, separators=(",\n      ", ": "))
    lines = text[2:-2].replace("},\n      {", "\n    },\n    {\n      ")
    return f"[\n    {{\n      {lines}\n    }}\n  ]"


def read_json(path: Path) -> Any:
    """The JSON value in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write `table` as Parquet, atomically; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(path, sink.getvalue().to_pybytes())


def read_parquet(path: Path) -> pa.Table:
    """The table in `path`, its pandas metadata dropped."""
    return pq.read_table(path).replace_schema_metadata(None)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that takes its place when the block ends well.

    On an error the sibling is removed and an existing `path` stays as it was.
    """
    refuse_url(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(source: Path, target: Path) -> None:
    """Rename the folder `source` to `target`; what stood at `target` is removed, last of all."""
    if not target.exists():
        source.rename(target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    target.rename(old / "old")
    try:
        source.rename(target)
    except OSError:
        (old / "old").rename(target)
        old.rmdir()
        raise
    shutil.rmtree(old)


def digest_bytes(*parts: bytes) -> str:
    """SHA-256 of the parts, each with its length before it, as 64 hexadecimal digits."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.hexdigest()


def digest_json(value: object) -> str:
    """SHA-256 of `value` as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return digest_bytes(text.encode())


def digest_table(table: pa.Table) -> str:
    """SHA-256 of a table's names, types and values, whatever its chunks, file or pyarrow.

    Columns hold text, numbers that fit in float64, or booleans.
    """
    parts = []
    for name in table.column_names:
        values = table[name]
        parts += [name.encode(), str(values.type).encode(), *_value_bytes(values)]
    return digest_bytes(*parts)


def _value_bytes(values: pa.ChunkedArray) -> tuple[bytes, ...]:
    """Which values are missing, and the known ones: lengths and text, or little-endian float64."""
    missing = values.is_null().to_numpy().tobytes()
    if pa.types.is_string(values.type):
        known = values.fill_null("")
        lengths = pc.binary_length(known).to_numpy().astype("<i4")
        return missing, lengths.tobytes(), b"".join(map(_text_bytes, known.chunks))
    return missing, values.cast(pa.float64()).fill_null(0.0).to_numpy().astype("<f8").tobytes()


def _text_bytes(texts: pa.StringArray) -> bytes:
    """All texts of an array without a missing one, end to end, as they lie in memory."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return b""
    ends = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return data[ends[0]: ends[1]].to_pybytes()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
