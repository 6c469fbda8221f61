"""prepare() from 1,000 to 538,133 rows: seconds of each stage, images/s, memory; growth of each."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench_memory import anonymous_mib, list_family
from large_cohorts import write_cohort
from measuring import SOURCES, report, require_sources

STUDY = 538_133
"""Rows of the study that lesionlab grew out of."""
STAGES = ("read_sources", "_plan_digest", "screen_images", "find_copies", "_write_parts")
CHILD = f"""
import json, sys, time
from pathlib import Path
from lesionlab.dataset import building, screening
from lesionlab.sources import judging

seconds, num_judged, updates = {{}}, [0], []

def clock(name):
    work = getattr(building, name)
    def timed(*args, **kwargs):
        start = time.perf_counter()
        result = work(*args, **kwargs)
        seconds[name] = time.perf_counter() - start
        return result
    setattr(building, name, timed)

def judge(real=judging.MetadataRow, **values):
    num_judged[0] += 1
    return real(**values)

class Bar:
    def __init__(self, *_):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def update(self, num_images):
        updates.append((time.perf_counter(), num_images))

for name in {STAGES}:
    clock(name)
screening.progress = Bar
judging.MetadataRow = judge
Path(sys.argv[4]).touch()
start = time.perf_counter()
data = building.prepare([Path(sys.argv[1])], Path(sys.argv[2]), num_workers=int(sys.argv[3]))
# What is done before the first images are, such as starting the processes, is left aside.
(begin, _), *later = updates[1:]
print(json.dumps(seconds | {{
    "rate": sum(num_images for _, num_images in later) / (later[-1][0] - begin),
    "all": time.perf_counter() - start, "num_judged": num_judged[0],
    "num_dropped": len(data.manifest["dropped"])}}))
"""


def follow(source: Path, folder: Path, workers: int) -> dict[str, Any]:
    """What the child says of a run, and the most memory of each process and of all, in MiB."""
    started = folder / "started"
    command = [sys.executable, "-c", CHILD, str(source), str(folder / "data"), str(workers),
               str(started)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peaks: dict[int, float] = defaultdict(float)
    together = 0.0
    while process.poll() is None:
        family = {pid: anonymous_mib(pid) for pid in list_family(process.pid)}
        if started.exists():
            together = max(together, sum(family.values()))
            peaks |= {pid: max(peaks[pid], mib) for pid, mib in family.items()}
        time.sleep(0.02)
    assert process.returncode == 0 and process.stdout is not None
    main = peaks.pop(process.pid)
    return json.loads(process.stdout.read()) | {
        "main": main, "worker": max(peaks.values(), default=0.0), "together": together}


def leave_images_out(whole: Path, folder: Path) -> Path:
    """The same table with the image of each tenth row."""
    (folder / "images").mkdir(parents=True)
    shutil.copyfile(whole / "metadata.csv", folder / "metadata.csv")
    for path in sorted((whole / "images").iterdir())[::10]:
        (folder / "images" / path.name).symlink_to(path.resolve())
    return folder


def describe(rows: str, found: dict[str, Any], count: int, workers: int) -> list[str]:
    copies, screening = found["find_copies"], found["screen_images"]
    rest = found["all"] - screening
    other = rest - found["read_sources"] - found["_plan_digest"] - found["_write_parts"]
    return [rows, f"{found['num_judged']:,}",
            *(f"{seconds:,.1f}" for seconds in (
                found["read_sources"], found["_plan_digest"], copies,
                found["_write_parts"] - copies, other, rest)),
            f"{1e6 * rest / count:,.0f}", f"{screening:,.1f}", f"{found['rate'] / workers:,.0f}",
            *(f"{found[name]:,.0f}" for name in ("main", "worker", "together"))]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, STUDY])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--source", type=Path, nargs="+", default=SOURCES)
    parser.add_argument("--cohorts", type=Path, help="where drawn cohorts are kept for another run")
    options = parser.parse_args()
    require_sources(options.source)
    return options


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp())
    cohorts, rows = options.cohorts or folder / "cohorts", []
    for count in options.rows:
        source = cohorts / str(count)
        if not source.is_dir():
            begun = Path(tempfile.mkdtemp(dir=folder)) / "cohort"
            write_cohort(begun, options.source, count)
            source.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(begun, source)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            found = follow(source, Path(own), options.workers)
        rows.append(describe(f"{count:,}", found, count, options.workers))
        print(rows[-1], flush=True)
    sparse = leave_images_out(source, folder / "sparse" / source.name)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        found = follow(sparse, Path(own), options.workers)
    rows.append(describe(f"{count:,}, of which {found['num_dropped']:,} are dropped", found, count,
                         options.workers))
    shutil.rmtree(folder)
    report("bench_rows", "prepare by the number of rows, seconds and MiB",
           ["rows", "put before the schema", "read and validate", "plan", "find copies",
            "group, split, write", "the rest", "all but images", "microseconds a row", "images",
            "images/s a process", "peak, main", "peak, a worker", "peak, together"], rows,
           f"{options.workers} processes read images, one does all else. Tables are drawn from the "
           "columns of the real HAM10000 and acral tables (columns that belong together as one); "
           "images are stand-ins: the real ones turned, cut and reduced to 48 x 36 pixels with a "
           "grain of their own, one in fifty another one's copy, so that hashes crowd as those of "
           "lesions do while decoding costs next to nothing. \"All but images\" is the whole run "
           "less the time in which images were read; images/s count from the first ones on, "
           "without the start of the processes. Memory is anonymous (RssAnon), sampled every 20 ms;"
           " pages of the store, which the system can take back, are not counted.")


if __name__ == "__main__":
    main()
