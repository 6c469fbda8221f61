"""Coverage-guided fuzzing of the decoder and the readers with atheris (libFuzzer for Python).

`pip install atheris`, then `python benchmarks/fuzz_inputs.py --minutes 5`. A target ends at its
first finding, whose input is kept; `--input FILE` runs one again.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

from measuring import ROOT, report

NAMES = ("decoder", "tables")
PACKAGES = ("lesionlab", "PIL", "pydicom", "isic_metadata")
"""Those whose branches are counted."""
FINDINGS = ROOT / "build" / "fuzzing"
MOST_BYTES = 32_768
MOST_SECONDS = 60
"""Longest that one input may take."""
NOTES = ("An execution of `tables` writes a sample of a layout with one of its files replaced, and "
         "reads it. Branches and features (with the values that were compared) are those of "
         f"{', '.join(PACKAGES)} in Python; what is compiled is run, not counted. See "
         "[fuzzing](../../docs/explanation/fuzzing.md).")
STATUS = re.compile(
    r"^#(\d+)\s+\w+.*cov: (\d+) ft: (\d+) corp: (\d+)/.*rss: (\d+)Mb", re.MULTILINE)
"""What libFuzzer says now and then: executions, branches, features, inputs kept, MiB."""


def fuzz_here(name: str, folder: Path, flags: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=[*PACKAGES]):
        from fuzz_targets import TARGETS
    target = TARGETS[name]
    (folder / "corpus").mkdir()
    for place, seed in enumerate(target.seeds()):
        target.check(seed)
        (folder / "corpus" / f"seed{place:03d}").write_bytes(seed)
    words = ["".join(f"\\x{byte:02x}" for byte in word) for word in sorted(target.words())]
    (folder / "words").write_text("".join(f'"{word}"\n' for word in words))
    warnings.simplefilter("error")
    atheris.Setup([sys.argv[0], str(folder / "corpus"), f"-dict={folder / 'words'}", *flags],
                  target.check)
    atheris.Fuzz()


def fuzz(name: str, minutes: float, memory_mib: int, seed: int) -> list[str]:
    """Fuzz one target in a process of its own, and say what came of it."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        flags = [f"-max_total_time={round(60 * minutes)}", f"-rss_limit_mb={memory_mib}",
                 f"-timeout={MOST_SECONDS}", f"-max_len={MOST_BYTES}", f"-seed={seed}",
                 f"-artifact_prefix={FINDINGS / name}-", "-use_value_profile=1"]
        with (Path(folder) / "log").open("w+") as log:
            start, spent = time.monotonic(), _processor_seconds()
            done = subprocess.run([sys.executable, __file__, "--here", name, folder, *flags],
                                  env=os.environ | {"TMPDIR": folder}, stdout=log, stderr=log,
                                  check=False)
            seconds, spent = time.monotonic() - start, _processor_seconds() - spent
            log.seek(0)
            text = log.read()
    (FINDINGS / f"{name}.log").write_text(text)
    counts = [int(number) for number in (STATUS.findall(text) or [(0,) * 5])[-1]]
    print("\n".join(text.splitlines()[-40:]) if done.returncode else f"{name}: nothing found")
    return [name, f"{seconds / 60:.1f}", f"{spent / 60:.1f}", *(f"{count:,}" for count in counts),
            f"one, exit {done.returncode}" if done.returncode else "none"]


def run_again(name: str, path: Path) -> None:
    """Give one input to a target, for its traceback."""
    from fuzz_targets import TARGETS

    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        TARGETS[name].check(path.read_bytes())
    print(f"{path}: nothing found")


def _processor_seconds() -> float:
    """What the processes that have ended took of processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    if sys.argv[1:2] == ["--here"]:
        fuzz_here(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--minutes", type=float, default=5, help="of each target")
    parser.add_argument("--memory", type=int, default=4096, help="MiB of a target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="one input, run by the one target named")
    options = parser.parse_args()
    if options.input:
        run_again(options.targets[0], options.input)
        return
    if not find_spec("atheris"):
        sys.exit("atheris is not installed; pip install atheris")
    rows = [fuzz(name, options.minutes, options.memory, options.seed) for name in options.targets]
    report("fuzz_inputs", "Any bytes through the decoder and the readers",
           ["target", "minutes", "of a processor", "executions", "branches", "features",
            "inputs kept", "MiB", "findings"], rows, NOTES)
    sys.exit(any(row[-1] != "none" for row in rows))


if __name__ == "__main__":
    main()
