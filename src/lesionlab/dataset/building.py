"""prepare(): sources to a prepared folder, resumable and the same to the byte."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import CohortError, StoreError
from lesionlab.core.split import Split
from lesionlab.dataset.grouping import LINK_COLUMNS, link_groups
from lesionlab.dataset.prepared import FORMAT_VERSION, PreparedData, data_digest
from lesionlab.dataset.screening import find_copies, screen_files
from lesionlab.dataset.splitting import (
    count_roles,
    draw_roles,
    make_split,
    name_strata,
    parse_shares,
    read_roles,
)
from lesionlab.dataset.store import ImageStore
from lesionlab.decoding import DecodeLimits
from lesionlab.sources.reading import SourceRead, TableColumns, read_sources
from lesionlab.targets import Target, assign_target, find_target


@dataclass(frozen=True, kw_only=True)
class PrepareSettings:
    """All that decides what `prepare` makes of its sources."""

    target: str = "malignancy"
    size_px: int = 256
    """Most pixels on the shorter side of a stored image; smaller ones are kept as they are."""
    split: str = "70/10/20"
    split_column: str | None = None
    seed: int = 0
    limits: DecodeLimits = field(default_factory=DecodeLimits)

    def __post_init__(self) -> None:
        parse_shares(self.split)
        if not 32 <= self.size_px <= 4096:
            raise CohortError(f"--size {self.size_px}: give 32 to 4096 pixels")


def prepare(
    sources: Sequence[Path], out: Path, *, settings: PrepareSettings | None = None,
    columns: TableColumns | None = None, num_workers: int | None = None,
) -> PreparedData:
    """Read, screen, group, split and store the images of `sources` in the new folder `out`.

    Every file is decoded once. A run that was killed is taken up where it stopped; a finished
    one with the same input and settings is not repeated.

    Raises:
        SourceError: a source cannot be read.
        CohortError: no image is left, or a class has too few groups.
        SplitError: the user's split lets a group straddle roles.
        StoreError: `out` exists and was made from something else.
    """
    settings = settings or PrepareSettings()
    source = read_sources(sources, columns=columns)
    target = find_target(settings.target, source.cohort)
    plan = _plan_digest(source, settings)
    if out.exists():
        return _finished(out, plan)
    work = _work_folder(out, plan)
    classes, dropped = assign_target(target, source.cohort)
    kept = classes.dropna().index
    files = {isic_id: source.files[isic_id] for isic_id in kept}
    rejected = screen_files(work, files, size_px=settings.size_px, limits=settings.limits,
                            num_workers=num_workers)
    _write_parts(work, plan, source, settings, target, _Screened(classes, dropped, rejected))
    shutil.rmtree(work / "rejected")
    work.rename(out)
    return PreparedData.load(out)


@dataclass(frozen=True)
class _Screened:
    classes: pd.Series
    dropped: Mapping[str, int]
    rejected: pd.DataFrame


def _plan_digest(source: SourceRead, settings: PrepareSettings) -> str:
    """Names the input and the settings; two runs of one plan end with the same bytes."""
    files = [[isic_id, stat.st_size, stat.st_mtime_ns]
             for isic_id, path in sorted(source.files.items()) for stat in [path.stat()]]
    return artifacts.digest_json({
        "format_version": FORMAT_VERSION, "version": lesionlab.__version__,
        "cohort": source.cohort.digest, "files": artifacts.digest_json(files),
        "settings": asdict(settings)})


def _finished(out: Path, plan: str) -> PreparedData:
    """The folder `out`, where it holds just what was asked for."""
    is_prepared = (out / "manifest.json").is_file()
    if is_prepared and artifacts.read_json(out / "manifest.json").get("plan") == plan:
        return PreparedData.load(out)
    what = "was prepared from other input or settings" if is_prepared else "exists already"
    raise StoreError(f"{out} {what}; remove it or choose another --out")


def _work_folder(out: Path, plan: str) -> Path:
    """The hidden sibling of `out` that this plan fills; those of other plans are removed."""
    work = out.parent / f".{out.name}.preparing-{plan[:16]}"
    for other in out.parent.glob(f".{out.name}.preparing-*"):
        if other != work:
            shutil.rmtree(other)
    (work / "images").mkdir(parents=True, exist_ok=True)
    for leftover in work.rglob(".*"):
        leftover.unlink()
    return work


def _write_parts(
    work: Path, plan: str, source: SourceRead, settings: PrepareSettings, target: Target,
    screened: _Screened,
) -> None:
    store = ImageStore(folder=work / "images")
    if not len(store):
        raise CohortError(f"no image is left of {len(source.cohort)}: dropped by target "
                          f"{dict(screened.dropped)}, rejected {_count(screened.rejected)}")
    cohort = _screened_cohort(source.cohort, store, screened.classes)
    copies = find_copies(store)
    groups = link_groups(cohort.frame, [(a, b) for a, b, _ in copies])
    split = _split(cohort, groups, settings)
    cohort.save(work / "cohort.parquet")
    split.save(work / "split.parquet")
    manifest = {
        "format_version": FORMAT_VERSION,
        "lesionlab_version": lesionlab.__version__,
        "plan": plan,
        "digests": data_digest(cohort, split, store),
        "target": {"name": target.name, "classes": list(target.classes)},
        "settings": asdict(settings),
        "sources": [asdict(info) | {"path": str(info.path)} for info in source.sources],
        "counts": _counts(source, cohort, split, target, screened, copies),
        "licences": cohort.frame["copyright_license"].fillna("unknown").value_counts().to_dict()
        if "copyright_license" in cohort.table.column_names else {"unknown": len(cohort)},
        "dropped": [*_rows(source.dropped), *_rows(source.unlisted),
                    *_rows(screened.rejected.assign(source=None))],
        "adjusted": _rows(source.adjusted),
        "duplicates": [{"isic_id": a, "copy_of": b, "kind": kind} for b, a, kind in copies],
    }
    artifacts.write_json(work / "manifest.json", manifest)


def _screened_cohort(cohort: Cohort, store: ImageStore, classes: pd.Series) -> Cohort:
    """The rows whose image was accepted, with what screening measured and the target."""
    table = cohort.select(store.ids).table
    measured = {name: pa.array(store.column(name), pa.float64())
                for name in ("pixels_x", "pixels_y", "file_bytes")}
    measured["target"] = pa.array(classes[store.ids], pa.string(), from_pandas=True)
    for name, values in measured.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, values)
    return Cohort(table=table)


def _split(cohort: Cohort, groups: pd.Series, settings: PrepareSettings) -> Split:
    frame = cohort.frame
    key = "+".join([name for name in LINK_COLUMNS if name in frame] + ["duplicates"])
    if settings.split_column is not None:
        roles = read_roles(cohort, settings.split_column)
        return make_split(cohort, groups, roles, seed=None, group_key=key)
    strata = name_strata(frame["target"].astype(str), frame.get("source"))
    roles = draw_roles(groups, strata, parse_shares(settings.split), settings.seed)
    return make_split(cohort, groups, roles, seed=settings.seed, group_key=key)


def _counts(
    source: SourceRead, cohort: Cohort, split: Split, target: Target, screened: _Screened,
    copies: list[tuple[str, str, str]],
) -> dict[str, Any]:
    frame = cohort.frame
    kinds = pd.Series([kind for _, _, kind in copies]).value_counts()
    return {
        "num_images": len(cohort),
        "num_groups": int(split.frame["group_id"].nunique()),
        "num_patients": int(frame["patient_id"].nunique()) if "patient_id" in frame else 0,
        "num_lesions": int(frame["lesion_id"].nunique()) if "lesion_id" in frame else 0,
        "classes": {name: int((frame["target"] == name).sum()) for name in target.classes},
        "roles": count_roles(frame["target"], split, target.classes),
        "num_rows_read": sum(info.num_rows for info in source.sources),
        "dropped_by_source": _count(source.dropped),
        "dropped_by_target": dict(screened.dropped),
        "rejected_images": _count(screened.rejected),
        "files_without_row": len(source.unlisted),
        "adjusted_values": _count(source.adjusted),
        "duplicate_pairs": {kind: int(kinds.get(kind, 0)) for kind in ("exact", "near")},
    }


def _count(table: pd.DataFrame) -> dict[str, int]:
    counts = table["reason"].value_counts()
    return {str(reason): int(count) for reason, count in sorted(counts.items())}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON objects, sorted, missing values as null."""
    plain = table.astype(object).where(table.notna(), None)
    rows = [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
    return sorted(rows, key=lambda row: str(sorted(row.items())))
