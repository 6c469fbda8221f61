"""External test: which images of another cohort a trained model may be scored on."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, SplitError, StoreError
from lesionlab.core.split import Role
from lesionlab.dataset.grouping import LINK_COLUMNS
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.store import ImageStore
from lesionlab.evaluation.contents import FlowStep
from lesionlab.imaging.perceptual import find_near_duplicates, near_duplicate_pairs
from lesionlab.inference.bundle import ModelBundle

RECORD_FILE = "training_images.parquet"
"""What a run keeps of the images that it was trained on."""

MAX_UNCONFIRMED_DISTANCE = 2
"""Bits by which hashes may differ where no thumbnail can confirm that the picture is the same.

Of 200 HAM10000 images recompressed, resized or made lighter, 99 % stay within it; so do 40 of
48 million pairs of different lesions."""

REASONS = ("same id", "same file", "near copy", "same lesion", "same patient",
           "in a group with one of these")
"""How an image may be linked to the training, in the order in which they are counted."""

OWN_LABEL = "label"
"""The target whose name says nothing of the question, only its classes do."""

_TEXTS = ("isic_id", "role", "sha256", *LINK_COLUMNS)
_SCHEMA = pa.schema([(name, pa.string()) for name in _TEXTS] + [("perceptual_hash", pa.uint64())])


@dataclass(frozen=True, kw_only=True)
class TrainingImages:
    """The images that a model was trained or calibrated on, as far as they are still known."""

    frame: pd.DataFrame
    """Columns of `describe_training_images`, indexed by `isic_id`."""
    salt: str
    """What patients' and lesions' ids were mixed with."""
    store: ImageStore | None
    """The images themselves, where they are still there."""


@dataclass(frozen=True, kw_only=True)
class ExternalRows:
    """The rows of another cohort that a model is scored on, and why not the others."""

    rows: pd.DataFrame
    """Of the cohort, indexed by `isic_id`."""
    steps: tuple[FlowStep, ...]
    """From the prepared images to those rows."""
    notes: tuple[str, ...]
    """What the user should know, a sentence each."""


def describe_training_images(data: PreparedData) -> pa.Table:
    """A row per image of the train and valid role, by which it is known again in other data.

    Columns `isic_id`, `role`, `sha256` of the file, `perceptual_hash`, and `patient_id` and
    `lesion_id` as salted hashes: they can be compared, not read. The salt, the data's digest,
    stands in the schema's metadata.
    """
    rows = data.frame[data.frame["role"].isin(("train", "valid"))]
    columns = {"isic_id": rows.index, "role": rows["role"]}
    columns |= {name: data.store.column(name)[rows.index] for name in ("sha256", "perceptual_hash")}
    columns |= {name: _blur_ids(rows, name, data.digest) for name in LINK_COLUMNS}
    arrays = [pa.array(columns[field.name].array, field.type, from_pandas=True)
              for field in _SCHEMA]
    return pa.Table.from_arrays(
        arrays, schema=_SCHEMA.with_metadata({"data_digest": data.digest}))


def find_trained_folder(run: Path) -> Path:
    """Where the data of a run were when it was trained."""
    return Path(os.path.normpath(run / artifacts.read_json(run / "training.json")["data"]))


def select_external_rows(
    run: Path, bundle: ModelBundle, data: PreparedData, role: Role | None
) -> ExternalRows:
    """The rows of `data` with a class that the model knows and no link to its training.

    A row is linked where the training had its image, a copy of it, its lesion or its patient, or
    where it shares a group with such a row.

    Args:
        run: folder of the model.
        bundle: the model.
        data: another cohort than the one that it was trained on.
        role: of `data`, or None for all its rows.

    Raises:
        InputError: the data ask another question, the training images are not known, or no row
            is left.
    """
    _check_question(run, bundle, data)
    training = open_training_images(run, bundle, data)
    rows = data.frame if role is None else data.rows(role)
    known = rows[rows["target"].isin(bundle.classes)]
    reasons = find_overlap(training, data).reindex(known.index)
    left = known[reasons.isna()]
    classes, overlap = _tell_classes(rows, bundle), _tell_overlap(reasons, training, data)
    if left.empty:
        raise InputError(f"none of {len(rows)} images of {data.folder} is left to score: "
                         f"{'; '.join(text for text in (classes, overlap) if text)}")
    in_role = FlowStep(label=f"in the {role} role", count=len(rows))
    steps = (
        *([in_role] if role else []),
        FlowStep(label="of a class that the model knows", count=len(known), note=classes),
        FlowStep(label="not linked to the training of the model", count=len(left), note=overlap),
        FlowStep(label="scored as an external test", count=len(left), note=(
            f"{left['group_id'].nunique():,} groups of {data.split.group_key}")),
    )
    start = f"external test on {len(left):,} of {len(rows):,} images"
    notes = [text for text in (f"{start}; {overlap}", classes, _tell_size(bundle, data)) if text]
    return ExternalRows(rows=left, steps=steps, notes=tuple(notes))


def open_training_images(run: Path, bundle: ModelBundle, other: PreparedData) -> TrainingImages:
    """What is known of the images that a run was trained on.

    Raises:
        InputError: the run keeps no record of them and its data are gone.
        StoreError: the record is not of this run.
    """
    digest, path = bundle.manifest["digests"]["data"], run / RECORD_FILE
    data = _load_trained_data(run, digest)
    if path.is_file():
        table = pq.read_table(path)
    elif data is not None:
        table = describe_training_images(data)
    else:
        raise InputError(
            f"{run}: which images it was trained on is not known, so those of {other.folder} that "
            f"are among them cannot be left out: {find_trained_folder(run)} does not hold its data "
            f"and the run has no {RECORD_FILE}; put the data back there, or train again")
    noted = (table.schema.metadata or {}).get(b"data_digest", b"").decode()
    if noted != digest or not set(_SCHEMA.names) <= set(table.column_names):
        raise StoreError(f"{path} is not the record of this run, which was trained on data "
                         f"{digest[:12]}; copy the run again, or train again")
    return TrainingImages(frame=table.to_pandas().set_index("isic_id"), salt=digest,
                          store=data.store if data else None)


def find_overlap(training: TrainingImages, data: PreparedData) -> pd.Series:
    """Why rows of `data` may not be scored, text by `isic_id`; rows without a link are left out.

    Of several reasons a row has the first of `REASONS`.
    """
    frame, trained = data.frame, training.frame
    shas = data.store.column("sha256")[frame.index]
    tests = (
        frame.index.isin(trained.index),
        shas.isin(trained["sha256"]).to_numpy(),
        frame.index.isin(_find_copies(training, data)),
        _share(training, frame, "lesion_id"),
        _share(training, frame, "patient_id"),
    )
    beside = frame["group_id"].isin(frame.loc[np.any(tests, axis=0), "group_id"]).to_numpy()
    place = np.argmax([*tests, beside, np.ones(len(frame), bool)], axis=0)
    reasons = pd.Series(np.array([*REASONS, None])[place], index=frame.index, name="reason")
    return reasons.dropna()


def _blur_ids(frame: pd.DataFrame, name: str, salt: str) -> pd.Series:
    """Ids as 64 hexadecimal digits that say nothing of the patient; missing stays missing."""
    values = frame.get(name, pd.Series(pd.NA, index=frame.index, dtype="str"))
    known = {value: hashlib.sha256(f"{salt}\0{name}\0{value}".encode()).hexdigest()
             for value in values.dropna().unique()}
    return values.map(known).astype("str")


def _share(training: TrainingImages, frame: pd.DataFrame, name: str) -> np.ndarray:
    """(N,) bool: which rows have an id of lesion or patient that the training has."""
    blurred = _blur_ids(frame, name, training.salt)
    return (blurred.notna() & blurred.isin(training.frame[name].dropna())).to_numpy()


def _find_copies(training: TrainingImages, data: PreparedData) -> list[str]:
    """Ids of the images of `data` that show a picture of the training."""
    frame, store, num_trained = training.frame, training.store, len(training.frame)
    homes = [(store, name) for name in frame.index]
    homes += [(data.store, name) for name in data.store.ids]
    hashes = np.concatenate([frame["perceptual_hash"].to_numpy(np.uint64),
                             data.store.column("perceptual_hash").to_numpy(np.uint64)])

    def read_thumbnail(row: int) -> bytes:
        home, name = homes[row]
        assert home is not None
        return home.thumbnail(name)

    pairs = (near_duplicate_pairs(hashes, MAX_UNCONFIRMED_DISTANCE) if store is None
             else find_near_duplicates(hashes, read_thumbnail))
    # Not every pair of a chain of copies is listed, so the chains are followed.
    links = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(hashes), len(hashes)))
    chains = connected_components(links, directed=False)[1]
    is_copy = np.isin(chains[num_trained:], chains[:num_trained])
    return list(data.store.ids[is_copy])


def _check_question(run: Path, bundle: ModelBundle, data: PreparedData) -> None:
    trained, asked = bundle.manifest["target"], data.target
    is_same = trained == asked or OWN_LABEL in (trained, asked)
    if is_same and set(bundle.classes) & set(data.classes):
        return
    remedy = ("name the classes of the data as the model does and prepare them again" if is_same
              else f"prepare the data again with --target {trained}")
    raise InputError(
        f"{run} was trained for {trained} ({', '.join(bundle.classes)}), {data.folder} is prepared "
        f"for {asked} ({', '.join(data.classes)}): "
        f"{'no class is in both' if is_same else 'that is another question'}; {remedy}")


def _load_trained_data(run: Path, digest: str) -> PreparedData | None:
    """The data that a run was trained on, where they still are what they were."""
    try:
        data = PreparedData.load(find_trained_folder(run))
    except (StoreError, SplitError):
        return None  # the record of the run stands in, or the caller says that there is none
    return data if data.digest == digest else None


def _tell_classes(rows: pd.DataFrame, bundle: ModelBundle) -> str:
    """Which classes are on one side alone, with the images that this costs."""
    counts = rows["target"].value_counts()
    unknown = [f"{name} {count:,}" for name, count in sorted(counts.items())
               if name not in bundle.classes]
    absent = [name for name in bundle.classes if name not in counts.index]
    texts = [f"classes that the model does not know: {', '.join(unknown)}"] if unknown else []
    texts += [f"classes without an image: {', '.join(absent)}"] if absent else []
    return "; ".join(texts)


def _tell_overlap(reasons: pd.Series, training: TrainingImages, data: PreparedData) -> str:
    """The reasons and how many images each costs, and what could not be looked at."""
    counts = reasons.value_counts()
    costs = [f"{reason} {counts[reason]:,}" for reason in REASONS if reason in counts.index]
    texts = [f"left out: {', '.join(costs)}" if costs else "no link found"]
    blind = [f"{name.removesuffix('_id')}s" for name in LINK_COLUMNS if name not in data.frame
             or not (data.frame[name].notna().any() and training.frame[name].notna().any())]
    if blind:
        texts.append(f"{' and '.join(blind)} not compared, as one side names none")
    if training.store is None:
        texts.append("near copies told by their hash alone, as the training images are not there")
    return "; ".join(texts)


def _tell_size(bundle: ModelBundle, data: PreparedData) -> str:
    side = bundle.preprocessing.decode_side if bundle.preprocessing else None
    if side in (None, data.size_px):
        return ""
    return (f"the images of {data.folder} are kept with a shorter side of {data.size_px} pixels, "
            f"those of the training were with {side}; prepare with --size {side} for equal ones")
