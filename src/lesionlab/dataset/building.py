"""prepare(): sources to a prepared folder, resumable and the same to the byte."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.cohort import Cohort, list_some
from lesionlab.core.copies import MANIFEST, find_copy, publish_folder
from lesionlab.core.errors import CohortError, InputError, RemoteError, StoreError
from lesionlab.core.remote import as_path, exists, is_remote
from lesionlab.core.split import Split
from lesionlab.dataset.grouping import LINK_COLUMNS, link_groups
from lesionlab.dataset.licensing import name_licences, select_licences
from lesionlab.dataset.manifest import (
    Screened,
    count_reasons,
    describe_copies,
    describe_rows,
    list_rows,
)
from lesionlab.dataset.prepared import FORMAT_VERSION, PreparedData, data_digest
from lesionlab.dataset.screening import find_copies, screen_images
from lesionlab.dataset.splitting import (
    draw_roles,
    make_split,
    name_strata,
    parse_shares,
    read_roles,
)
from lesionlab.dataset.store import ImageStore
from lesionlab.imaging.decoding import DecodeLimits
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.sources.reading import SourceRead, TableColumns, read_sources
from lesionlab.targets import Target, assign_target, find_target


@dataclass(frozen=True, kw_only=True)
class PrepareSettings:
    """All that decides what `prepare` makes of its sources."""

    target: str = "malignancy"
    size_px: int = 256
    """Most pixels on the shorter side of a stored image; smaller ones are kept as they are."""
    split: str = "70/10/20"
    """Shares of train/valid/test; any three positive numbers."""
    split_column: str | None = None
    """Column with the user's own roles, in the place of a draw."""
    is_split_given: bool = False
    """Take the user's split as it is, leaks and empty roles too, for an audit: nothing can be
    trained on it. Without a column there is no split: all images are `train`."""
    licences: tuple[str, ...] = ()
    """Licences of which images are taken, in any spelling; empty for all images."""
    seed: int = 0
    limits: DecodeLimits = field(default_factory=DecodeLimits)

    def __post_init__(self) -> None:
        parse_shares(self.split)
        # One name for each, sorted, so that another spelling is no other plan.
        object.__setattr__(self, "licences", name_licences(self.licences))
        if not 32 <= self.size_px <= 4096:
            raise InputError(f"--size {self.size_px}: give 32 to 4096 pixels")
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: give 0 or more")


def prepare(
    sources: Sequence[Path], out: Path, *, settings: PrepareSettings | None = None,
    columns: TableColumns | None = None, num_workers: int | None = None,
    executor: Executor | None = None, pseudonym_key: Path | None = None,
) -> PreparedData:
    """Read, screen, group, split and store the images of `sources` in the new folder `out`.

    Every file is decoded once. A run that was killed is taken up where it stopped; a finished
    one with the same input and settings is not repeated.

    Args:
        sources: folders or tables, on disk or behind URLs.
        out: on disk or behind a URL; the folder for a URL is made on this disk, where a copy
            stays, and goes up as a whole.
        settings: what to make of the sources.
        columns: names of the columns of a table of the user's own.
        num_workers: processes of this machine, by default one a processor.
        executor: where images are read, in the place of this machine.
        pseudonym_key: file with the key of the pseudonyms that ids in DICOM files are replaced
            by; by default the user's own, which is made the first time.

    Raises:
        SourceError: a source cannot be read.
        InputError: there is no such target or licence, or no image has a class or one of it.
        CohortError: no image could be read.
        SplitError: the groups are too few, or the user's split is incomplete or lets one straddle.
        StoreError: `out` exists and was made from something else, or cannot be written.
        RemoteError: a URL cannot be reached.
    """
    settings = settings or PrepareSettings()
    out = as_path(out)
    source = read_sources([*map(as_path, sources)], columns=columns,
                          pseudonym_key=pseudonym_key)
    if settings.licences:
        source = select_licences(source, settings.licences)
    target = find_target(settings.target, source.cohort)
    plan = _plan_digest(source, settings)
    if exists(out / MANIFEST if is_remote(out) else out):
        return _finished(out, plan, settings)
    folder = find_copy(plan) if is_remote(out) else out
    if not folder.exists():
        _build(folder, plan, source, settings, target,
               executor or LocalExecutor(num_workers=num_workers))
    if is_remote(out):
        publish_folder(folder, out)
    return PreparedData.load(out, may_leak=settings.is_split_given)


def _build(
    out: Path, plan: str, source: SourceRead, settings: PrepareSettings, target: Target,
    executor: Executor,
) -> None:
    """Make the new folder `out` of the rows that were read."""
    classes, no_class = assign_target(target, source.cohort)
    addresses = {isic_id: source.addresses[isic_id] for isic_id in classes.dropna().index}
    if settings.split_column is not None:  # said before the images are read, not after
        read_roles(source.cohort.select(addresses), settings.split_column,
                   may_leak=settings.is_split_given)
    with _working_folder(out, plan) as work:
        rejected = screen_images(work, addresses, size_px=settings.size_px, limits=settings.limits,
                                executor=executor)
        _write_parts(work, plan, source, settings, target,
                     Screened(classes=classes, no_class=no_class, rejected=rejected))
        shutil.rmtree(work / "rejected")


def _plan_digest(source: SourceRead, settings: PrepareSettings) -> str:
    """Names the input and the settings; two runs of one plan end with the same bytes."""
    files = [[isic_id, *address.read_state()]
             for isic_id, address in sorted(source.addresses.items())]
    left_out = [list_rows(table) for table in (source.dropped, source.adjusted, source.unlisted)]
    return artifacts.digest_json({
        "format_version": FORMAT_VERSION, "version": lesionlab.__version__,
        "cohort": source.cohort.digest, "files": artifacts.digest_json(files),
        "left_out": artifacts.digest_json(left_out), "settings": asdict(settings)})


def _finished(out: Path, plan: str, settings: PrepareSettings) -> PreparedData:
    """The folder `out`, where it holds just what was asked for."""
    remedy = f"remove {out} or choose another --out"
    if not (out / "manifest.json").is_file():
        raise StoreError(f"{out} exists already and is no prepared folder; {remedy}")
    try:
        data = PreparedData.load(out, may_leak=settings.is_split_given)
    except (InputError, StoreError) as error:
        raise StoreError(f"{error}; first {remedy}") from error
    if data.manifest.get("plan") != plan:
        raise StoreError(f"{out} was prepared from other input or settings; {remedy}")
    return data


@contextmanager
def _working_folder(out: Path, plan: str) -> Iterator[Path]:
    """Yield the hidden sibling of `out` that this plan fills, to become `out` in the end.

    A kill or a full disk leaves it for the next run. It is removed where the input is wrong, for
    any correction makes another plan, and where it is itself damaged.
    """
    try:
        work = _open_work(out, plan)
        yield work
        work.rename(out)
    except RemoteError:
        raise
    except (InputError, StoreError):
        shutil.rmtree(_name_work(out, plan))
        raise
    except OSError as error:
        raise StoreError(f"{out} cannot be written ({error.strerror or error}); free or unlock the "
                         "disk or choose another --out, then run the same command to go on"
                         ) from error


def _name_work(out: Path, plan: str) -> Path:
    return out.parent / f".{out.name}.preparing-{plan[:16]}"


def _open_work(out: Path, plan: str) -> Path:
    """The plan's folder without what a kill left half-written; those of other plans go."""
    work = _name_work(out, plan)
    for other in out.parent.glob(f".{glob.escape(out.name)}.preparing-*"):
        if other != work:
            shutil.rmtree(other)
    (work / "images").mkdir(parents=True, exist_ok=True)
    for leftover in work.rglob(".*"):
        leftover.unlink()
    return work


def _write_parts(
    work: Path, plan: str, source: SourceRead, settings: PrepareSettings, target: Target,
    screened: Screened,
) -> None:
    store = ImageStore(folder=work / "images")
    if not len(store):
        raise _none_left(screened)
    cohort = _screened_cohort(source.cohort, store, screened.classes)
    copies = describe_copies(find_copies(store), cohort.frame)
    groups = link_groups(cohort.frame, [(row["copy_of"], row["isic_id"]) for row in copies])
    split = _split(cohort, groups, settings)
    cohort.save(work / "cohort.parquet")
    split.save(work / "split.parquet")
    artifacts.write_json(work / "manifest.json", {
        "format_version": FORMAT_VERSION,
        "lesionlab_version": lesionlab.__version__,
        "plan": plan,
        "digests": data_digest(cohort, split, store),
        "target": {"name": target.name, "classes": list(target.classes)},
        "settings": asdict(settings),
        **describe_rows(source, cohort, split, target, screened, copies),
    })


def _none_left(screened: Screened) -> CohortError:
    first = screened.rejected.iloc[0]
    reasons = {**screened.no_class, **count_reasons(screened.rejected)}
    counts = list_some((f"{count} {reason}" for reason, count in reasons.items()), most=12)
    return CohortError(f"none of {len(screened.classes)} images is left: {counts}; "
                       f"for instance {first['isic_id']}: {first['detail']}")


def _screened_cohort(cohort: Cohort, store: ImageStore, classes: pd.Series) -> Cohort:
    """The rows whose image was accepted, with what screening measured and the target."""
    kept = cohort.select(store.ids)
    measured = {name: pa.array(store.column(name)[kept.ids], pa.float64())
                for name in ("pixels_x", "pixels_y", "file_bytes")}
    measured["target"] = pa.array(classes[kept.ids], pa.string())
    table = kept.table.drop_columns([name for name in measured if name in kept.table.column_names])
    for name, values in measured.items():
        table = table.append_column(name, values)
    return Cohort(table=table)


def _split(cohort: Cohort, groups: pd.Series, settings: PrepareSettings) -> Split:
    frame = cohort.frame
    key = "+".join([name for name in LINK_COLUMNS if name in frame] + ["duplicates"])
    if settings.split_column is not None or settings.is_split_given:
        roles = _read_given_roles(cohort, settings)
        return make_split(cohort, groups, roles, seed=None, group_key=key,
                          may_leak=settings.is_split_given)
    strata = name_strata(frame["target"].astype(str), frame.get("source"))
    roles = draw_roles(groups, strata, parse_shares(settings.split), settings.seed)
    return make_split(cohort, groups, roles, seed=settings.seed, group_key=key)


def _read_given_roles(cohort: Cohort, settings: PrepareSettings) -> pd.Series:
    if settings.split_column is None:
        return pd.Series("train", index=cohort.ids, name="role")
    return read_roles(cohort, settings.split_column, may_leak=settings.is_split_given)
