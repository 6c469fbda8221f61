"""Peak memory of prepare() at 1,000 and 10,000 images, each in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import parse_images, report

CHILD = """
import sys
from pathlib import Path
from lesionlab.dataset import building
Path(sys.argv[4]).touch()
data = building.prepare([Path(sys.argv[1])], Path(sys.argv[2]), num_workers=int(sys.argv[3]))
print(len(data.cohort))
"""


def anonymous_mib(pid: int) -> float:
    """Memory of a process that is its own, in MiB: files that it maps can be taken back."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return int(found[0]) / 1024 if found else 0.0


def list_family(pid: int) -> list[int]:
    """The process and those that it started.

    One that was just forked and runs no program of its own yet has its parent's memory, not more.
    """
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    own = read_command(pid)
    return [pid, *(int(child) for child in children if read_command(int(child)) not in (b"", own))]


def read_command(pid: int) -> bytes:
    """The command line of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def follow(command: list[str], started: Path) -> tuple[int, float, float]:
    """Images prepared, memory after the imports, and the most that all processes had together."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    before = peak = 0.0
    while process.poll() is None:
        now = sum(map(anonymous_mib, list_family(process.pid)))
        if started.exists():
            before = before or now
            peak = max(peak, now)
        time.sleep(0.01)
    assert process.returncode == 0 and process.stdout is not None
    return int(process.stdout.read()), before, peak


def select(source: Path, count: int, folder: Path) -> None:
    """A source of the first `count` images, by links."""
    (folder / "images").mkdir(parents=True)
    lines = (source / "metadata.csv").read_text().splitlines()
    (folder / "metadata.csv").write_text("\n".join(lines[: count + 1]) + "\n")
    for line in lines[1: count + 1]:
        name = f"{line.split(',')[0]}.jpg"
        (folder / "images" / name).symlink_to((source / "images" / name).resolve())


def main() -> None:
    options = parse_images(10_000)
    rows = []
    for count in (options.images // 10, options.images):
        for workers in (1, 2):
            folder = Path(tempfile.mkdtemp())
            select(options.source, count, folder / "source")
            images, before, peak = follow(
                [sys.executable, "-c", CHILD, str(folder / "source"), str(folder / "data"),
                 str(workers), str(folder / "started")], folder / "started")
            rows.append([f"{images:,}", workers, f"{before:,.0f}", f"{peak:,.0f}",
                         f"{peak - before:,.0f}"])
            shutil.rmtree(folder)
    report("bench_memory", "Peak memory of prepare, MiB",
           ["images", "processes", "after imports", "peak, all processes", "of prepare's own"],
           rows,
           "Anonymous resident memory (RssAnon), sampled every 10 ms and summed over the process "
           "and its workers, which import the libraries once more each; pages of the store, which "
           "the system can take back at any time, are not counted.")


if __name__ == "__main__":
    main()
