"""What all benchmarks share: the machine, the clock and the table."""

from __future__ import annotations

import argparse
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [ROOT.parent / "shared" / "data" / name for name in ("ham10000", "acral")]
HAM10000 = SOURCES[0]
RESULTS = ROOT / "benchmarks" / "results"


def parse_images(default: int) -> argparse.Namespace:
    """`--images N` and `--source FOLDER`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=default)
    parser.add_argument("--source", type=Path, default=HAM10000)
    options = parser.parse_args()
    require_sources([options.source])
    return options


def require_sources(sources: Sequence[Path]) -> None:
    """End the program where a folder of real images is not here."""
    if missing := [str(path) for path in sources if not path.is_dir()]:
        sys.exit(f"{', '.join(missing)}: not here; name folders of the ISIC client by --source")


def parse_training() -> argparse.Namespace:
    """`--data FOLDER`, `--out FOLDER` for the runs and `--cache FOLDER`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None)
    return parser.parse_args()


def describe_machine() -> str:
    """Processor, cores, Python and commit, one line."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True, check=False).stdout.strip() or "no commit"
    changed = subprocess.run(["git", "status", "--porcelain", "src"], cwd=ROOT, text=True,
                             capture_output=True, check=False).stdout.strip()
    model = next((line.split(":")[1].strip() for line in
                  Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.processor()) if Path("/proc/cpuinfo").exists() else platform.processor()
    return (f"{model}, {joblib.cpu_count()} cores, Python {platform.python_version()}, "
            f"commit {commit}{' with changes' if changed else ''}")


def time_in_turn(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each work in each round, A B C A B C, so that drift of the machine is shared."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(seconds, works, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return seconds


def report(name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[object]],
           notes: str = "") -> None:
    """Print a Markdown table and keep it as `results/NAME.md`."""
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    lines = [f"# {title}", "", f"{describe_machine()}; `{command}`", "",
             "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    lines += ["", notes] if notes else []
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
