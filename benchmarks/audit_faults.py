"""How well the audit finds what is planted: every fault, at three strengths, over many seeds.

Each seed is one clean phantom, its pictures drawn once; a fault changes what it is about and
leaves the rest. Of a faulty cohort the checks that are to find the fault look at it, of the clean
one all checks. Results are kept line by line, so a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.auditing.report import run_checks
from lesionlab.core.findings import Finding
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.phantoms.faults import FAULTS
from lesionlab.phantoms.making import phantom
from measuring import ROOT, report

SECTIONS = {"issue": 2, "tip": 1}


def main() -> None:
    options = parse_options()
    lines = ROOT / "build" / f"{options.name}.jsonl"
    lines.parent.mkdir(parents=True, exist_ok=True)
    if options.anew:
        lines.unlink(missing_ok=True)
    known = read_lines(lines)
    done = {(row["seed"], row["fault"], row["strength"]) for row in known}
    wanted = [(seed, fault, strength) for seed in range(options.seeds)
              for fault, strength in list_cohorts(options)]
    missing: dict[int, list[tuple[str, float]]] = {}
    for seed, fault, strength in wanted:
        if (seed, fault, strength) not in done:
            missing.setdefault(seed, []).append((fault, strength))
    jobs = (joblib.delayed(look_at_seed)(seed, cohorts, options.patients, options.image_signal)
            for seed, cohorts in missing.items())
    looked: Any = joblib.Parallel(n_jobs=options.workers, return_as="generator_unordered")(jobs)
    for rows in looked:
        with lines.open("a") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    asked = set(wanted)
    rows = [row for row in read_lines(lines)
            if (row["seed"], row["fault"], row["strength"]) in asked]
    write_tables(pd.DataFrame(rows), options)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=120)
    parser.add_argument("--image-signal", type=float, default=1.5)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--faults", nargs="+", default=list(FAULTS))
    parser.add_argument("--workers", type=int, default=joblib.cpu_count())
    parser.add_argument("--name", default="audit_faults", help="of the tables and of what is kept")
    parser.add_argument("--anew", action="store_true", help="forget what was kept")
    return parser.parse_args()


def list_cohorts(options: argparse.Namespace) -> list[tuple[str, float]]:
    """The clean cohort, then each fault at each strength."""
    return [("clean", 0.0)] + [(fault, strength) for fault in options.faults
                               for strength in options.strengths]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def look_at_seed(
    seed: int, cohorts: Sequence[tuple[str, float]], patients: int, image_signal: float
) -> list[dict[str, Any]]:
    """A row per check and cohort of one seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = {"patients": patients, "seed": seed, "image_signal": image_signal, "num_workers": 1}
        phantom(folder / "drawn", **made)
        rows: list[dict[str, Any]] = []
        for fault, strength in cohorts:
            planted = {} if fault == "clean" else {"fault": fault, "strength": strength}
            phantom(folder / "cohort", **made, **planted, pictures=folder / "drawn",
                    with_split=True, with_sources=True)
            rows += look_at_cohort(folder, seed, fault, strength)
            shutil.rmtree(folder / "cohort")
            shutil.rmtree(folder / "data")
        return rows


def look_at_cohort(
    folder: Path, seed: int, fault: str, strength: float
) -> Iterator[dict[str, Any]]:
    """A row per check that is to find the fault; of a clean cohort, and of the first seed, all."""
    data = prepare([folder / "cohort"], folder / "data", num_workers=1,
                   settings=PrepareSettings(split_column="split", is_split_given=True))
    evidence = Evidence(data=data, cache=folder / "cache")
    start = time.perf_counter()
    codes = list(CHECKS) if fault == "clean" else list(FAULTS[fault].codes)
    if fault != "clean" and strength == 1.0 and seed == 0:
        findings = run_checks(evidence)
    else:
        findings = [CHECKS[code].run(evidence) for code in codes]
    seconds = time.perf_counter() - start
    planted = read_planted(folder / "cohort")
    places = {finding.code: place for place, finding in enumerate(findings)}
    for finding in findings:
        yield {"seed": seed, "fault": fault, "strength": strength, "code": finding.code,
               "section": finding.section, "num_images": len(data.cohort),
               "place": places[finding.code], "expected": finding.code in codes,
               "seconds": round(seconds, 3), **compare_ids(finding, planted, data)}


def read_planted(cohort: Path) -> dict[str, set[str]]:
    """The images at fault, and for each copy also the image that it is a copy of."""
    planted = json.loads((cohort / "phantom.json").read_text())["planted"] or {}
    at_fault = set(planted.get("isic_ids", ()))
    copied = {copy["copy_of"] for copy in planted.get("copies", ())}
    return {"at_fault": at_fault, "copied": copied}


def compare_ids(
    finding: Finding, planted: dict[str, set[str]], data: PreparedData
) -> dict[str, list[str]]:
    """Which images at fault the finding names, and which others."""
    named = set(finding.isic_ids) if finding.section in SECTIONS else set()
    at_fault = planted["at_fault"] & set(data.cohort.ids) or planted["at_fault"]
    return {"hit": sorted(named & at_fault), "planted": sorted(at_fault),
            "other": sorted(named - at_fault - planted["copied"])}


def write_tables(rows: pd.DataFrame, options: argparse.Namespace) -> None:
    rows["level"] = rows["section"].map(SECTIONS).fillna(0)
    is_clean = rows["fault"] == "clean"
    rows["num_named"] = rows["hit"].str.len() + rows["other"].str.len()
    usual = rows[is_clean].set_index(["seed", "code"])[["level", "num_named"]]
    rows = rows.join(usual.add_suffix("_clean"), on=["seed", "code"])
    says_more = (rows["level"] > rows["level_clean"]) | (
        rows["num_named"] > rows["num_named_clean"])
    rows["raised"] = rows["level"].where(says_more, 0)
    found = [describe_fault(name, rows[rows["fault"] == name], options.strengths)
             for name in options.faults]
    alarms = [describe_alarms(str(code), part) for code, part in rows[is_clean].groupby("code")]
    note = (f"{options.seeds} seeds, {options.patients} patients each (mean "
            f"{rows['num_images'].mean():.0f} images), image signal {options.image_signal}. "
            "A fault is found where one of its checks says issue (in brackets: issue, or a tip "
            "that the clean cohort of that seed gets for fewer images or not at all). The report "
            "of the whole audit of seed 0, at full strength, opens with the check that is named. "
            "Ids are of all checks of the fault together, at full strength; seconds are those of "
            "these checks on a cohort, all seeds but 0, pictures read and features computed.")
    report(options.name, "The audit on planted faults",
           ("fault", "checks", *(f"found at {strength:g}" for strength in options.strengths),
            "report opens with", "ids: precision", "ids: recall", "seconds"), found, notes=note)
    report(f"{options.name}_clean", "The audit on clean phantoms",
           ("check", "issues", "tips", "not applicable"), alarms,
           notes=f"Share of {options.seeds} clean cohorts, those that faults were planted in.")


def describe_fault(name: str, rows: pd.DataFrame, strengths: Sequence[float]) -> list[str]:
    expected = rows[rows["expected"]]
    cells = []
    for strength in strengths:
        level = expected[expected["strength"] == strength].groupby("seed")["raised"].max()
        cells.append(f"{(level >= 2).mean():.0%} ({(level >= 1).mean():.0%})")
    full = expected[expected["strength"] == max(strengths)]
    whole = rows[(rows["seed"] == 0) & (rows["strength"] == max(strengths))]
    first = whole.sort_values("place")["code"].iloc[0]
    seconds = full[full["seed"] > 0].groupby("seed")["seconds"].first()
    return [name, ", ".join(FAULTS[name].codes), *cells, first, *describe_ids(full),
            f"{seconds.mean():.1f}"]


def describe_ids(rows: pd.DataFrame) -> list[str]:
    hits = others = planted = 0
    for _, cohort in rows.groupby("seed"):
        hit = set().union(*cohort["hit"])
        hits, planted = hits + len(hit), planted + len(cohort["planted"].iloc[0])
        others += len(set().union(*cohort["other"]))
    if not hits or not planted:
        return ["", ""]
    return [f"{hits / (hits + others):.2f}", f"{hits / planted:.2f}"]


def describe_alarms(code: str, rows: pd.DataFrame) -> list[str]:
    return [code, *(f"{(rows['section'] == section).mean():.0%}"
                    for section in ("issue", "tip", "not_applicable"))]


if __name__ == "__main__":
    main()
