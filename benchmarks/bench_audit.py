"""audit() of real data and of 1,000 to 100,000 stand-ins, cold and again: seconds and memory."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_memory import anonymous_mib, list_family
from large_cohorts import write_cohort
from lesionlab.dataset.building import PrepareSettings, prepare
from measuring import SOURCES, report, require_sources

CHILD = """
import json, sys, time
from pathlib import Path
begun = time.perf_counter()
from lesionlab.auditing import evidence, report
from lesionlab.auditing.evidence import Evidence
from lesionlab.training.embedding import Embedder

seconds = {"measures": 0.0, "features": 0.0, "copies": 0.0}
inner = []

def clock(holder, name, part):
    work = getattr(holder, name)
    def timed(*args, **kwargs):
        start = time.perf_counter()
        inner.append(0.0)
        try:
            return work(*args, **kwargs)
        finally:
            took = time.perf_counter() - start
            seconds[part] += took - inner.pop()
            if inner:
                inner[-1] += took
    setattr(holder, name, timed)

clock(evidence, "measure_store", "measures")
clock(Embedder, "find", "features")
clock(Embedder, "embed", "features")
clock(Evidence, "_find_copies", "copies")
report.audit(Path(sys.argv[1]), cache=Path(sys.argv[2]))
print(json.dumps(seconds | {"all": time.perf_counter() - begun}))
"""


def follow(data: Path, cache: Path) -> dict[str, Any]:
    """What the child says of an audit, the start of the program included, and its peak in MiB."""
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(data), str(cache)],
                               stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(anonymous_mib, list_family(process.pid))))
        time.sleep(0.05)
    assert process.returncode == 0 and process.stdout is not None
    return json.loads(process.stdout.read()) | {"peak": peak}


def describe(name: str, count: int, found: dict[str, Any]) -> list[str]:
    parts = [found[part] for part in ("measures", "features", "copies")]
    rest = found["all"] - sum(parts)
    return [name, *(f"{seconds:,.1f}" for seconds in (*parts, rest, found["all"])),
            f"{1e3 * found['all'] / count:,.1f}", f"{found['peak']:,.0f}"]


def audit_twice(name: str, data: Path, count: int, folder: Path) -> list[list[str]]:
    """Rows of a cold audit and of one with all that the first kept."""
    cache = folder / "cache"
    rows = [describe(f"{name}, {state}", count, follow(data, cache))
            for state in ("cold", "again")]
    print(*rows, sep="\n", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--source", type=Path, nargs="+", default=SOURCES)
    options = parser.parse_args()
    require_sources(options.source)
    rows = []
    for source in options.source:
        with tempfile.TemporaryDirectory() as name:
            data = prepare([source], Path(name) / "data", settings=PrepareSettings())
            rows += audit_twice(source.name, data.folder, len(data.cohort), Path(name))
    for count in options.images:
        with tempfile.TemporaryDirectory() as name:
            write_cohort(Path(name) / "cohort", options.source, count)
            data = prepare([Path(name) / "cohort"], Path(name) / "data")
            rows += audit_twice(f"{count:,} stand-ins", data.folder, len(data.cohort), Path(name))
    report("bench_audit", "audit by the number of images, seconds and MiB",
           ["cohort", "measures", "features", "altered copies", "the rest", "all",
            "milliseconds an image", "peak"], rows,
           "Cold: nothing is kept from before. Again: features, measures and altered copies are. "
           "All is the whole program, its start included; target malignancy. Stand-ins are those "
           "of bench_rows, 48 x 36 pixels: networks see squares of the same size, but what the "
           "decoding of real pictures costs is missing. Memory is anonymous (RssAnon) of all "
           "processes together, sampled every 50 ms.")


if __name__ == "__main__":
    main()
