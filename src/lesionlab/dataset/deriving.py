"""A prepared folder from another one: some rows, other roles or another target, same images."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.split import ROLES, Split
from lesionlab.dataset.licensing import count_rights
from lesionlab.dataset.prepared import FORMAT_VERSION, PreparedData, data_digest
from lesionlab.dataset.splitting import count_roles, make_split
from lesionlab.targets import assign_target, find_target


def derive(
    data: PreparedData, out: Path, frame: pd.DataFrame, *, target: tuple[str, tuple[str, ...]],
    note: str, reasons: Mapping[str, int] | None = None,
) -> PreparedData:
    """Write some rows of `data` as a prepared folder, the image files shared with it.

    A finished folder of the same rows, target and note is found again, not written again.

    Args:
        data: what is derived from.
        out: the new folder.
        frame: rows of `data.frame` by `isic_id`, in any order; of its columns `target`, `role` and
            `group_id` are taken, all others come from `data`.
        target: its name, and its classes in the order of every table of probabilities.
        note: what was done, in a few words; the manifest says it.
        reasons: how many rows were left out, by reason; by default all for the reason `note`.

    Raises:
        SplitError: a group, patient or lesion stands in two roles.
        StoreError: `out` exists and is something else, or cannot be written.
    """
    cohort = _select(data.cohort, frame, target[1])
    split = make_split(cohort, frame["group_id"], frame["role"], seed=data.split.seed,
                       group_key=data.split.group_key)
    manifest = _manifest(data, cohort, split, target, note)
    left_out = data.cohort.ids.difference(cohort.ids)
    if len(left_out):
        _note_left_out(manifest, data, left_out, reasons or {note: len(left_out)})
    if out.exists():
        return _finished(out, manifest["plan"])
    try:
        with artifacts.new_folder(out) as folder:
            _link_images(data.store.folder, folder / "images")
            cohort.save(folder / "cohort.parquet")
            split.save(folder / "split.parquet")
            artifacts.write_json(folder / "manifest.json", manifest)
    except OSError as error:
        raise StoreError(f"{out} cannot be written ({error.strerror or error}); free or unlock the "
                         "disk or choose another folder") from error
    return PreparedData.load(out)


def retarget(data: PreparedData, target_name: str, out: Path) -> PreparedData:
    """The same images and split for another target; an image without a class is left out.

    Only images of `data` come back: one that had no class of its target is not among them. Classes
    of which the train role has no image are left out of the target, and their images too.

    Raises:
        InputError: there is no such target, or fewer than two of its classes have images.
        StoreError: `out` exists and is something else, or cannot be written.
    """
    target = find_target(target_name, data.cohort)
    classes, counts = assign_target(target, data.cohort)
    in_train = set(classes[data.split.ids("train")].dropna())
    known = tuple(name for name in target.classes if name in in_train)
    if len(known) < 2:
        raise InputError(f"target {target.name!r}: the train role of {data.folder} holds "
                         f"{' and '.join(known) or 'no image of any class'} alone; two classes are "
                         "needed: prepare data of more diagnoses, or choose another target")
    note = f"data prepared for {data.target}, with the classes of {target.name}"
    unknown = [name for name in target.classes if name not in known]
    if unknown:
        note += f" but {', '.join(unknown)}, of which the train role has no image"
    reasons = Counter(counts)
    reasons.update({f"{name}, of which the train role has no image": int(count) for name, count
                    in classes[classes.isin(unknown)].value_counts().sort_index().items()})
    frame = data.frame.assign(target=classes)
    return derive(data, out, frame[frame["target"].isin(known)], target=(target.name, known),
                  note=note, reasons=reasons)


def join_by_position(data: PreparedData, out: Path, seed: int = 0) -> PreparedData:
    """DELIBERATELY WRONG labels, a control: the original study's join by position, replayed.

    In each role the labels stand in sampling order (all of the first class, then all of the next),
    the images in the order of their names, and the n-th label goes to the n-th image; in the test
    role the labels are shuffled. Whatever is trained on these labels and scored by them must land
    at an AUROC of 0.5. See docs/explanation/why-joins-by-id.md.

    Raises:
        StoreError: `out` exists and is something else, or cannot be written.
    """
    places = {name: place for place, name in enumerate(data.classes)}
    parts = []
    for role in ROLES:
        rows = data.rows(role)
        labels = rows["target"].sort_values(key=lambda names: names.map(places)).to_numpy()
        if role == "test":
            labels = np.random.default_rng(seed).permutation(labels)
        parts.append(rows.sort_index().assign(target=labels))
    return derive(data, out, pd.concat(parts), target=(data.target, data.classes),
                  note="control with deliberately wrong labels: joined by position, as in the "
                       f"original study (seed {seed})")


def _select(cohort: Cohort, frame: pd.DataFrame, classes: tuple[str, ...]) -> Cohort:
    """The rows of `frame`, with its targets."""
    assert len(frame) and frame.index.is_unique, "rows by id, each once"
    assert frame["target"].isin(classes).all(), "each row has a class of the target"
    kept = cohort.select(frame.index)
    place = kept.table.column_names.index("target")
    return Cohort(table=kept.table.set_column(
        place, "target", pa.array(frame["target"].loc[kept.ids].astype(str), pa.string())))


def _manifest(
    data: PreparedData, cohort: Cohort, split: Split, target: tuple[str, tuple[str, ...]],
    note: str,
) -> dict[str, Any]:
    """The manifest of `data` with all that the rows, the split and the target change."""
    name, classes = target
    frame = cohort.frame
    digests = data_digest(cohort, split, data.store)
    copies = [row for row in data.manifest["duplicates"]
              if row["isic_id"] in frame.index and row["copy_of"] in frame.index]
    counts = {
        "num_images": len(cohort),
        "num_groups": int(split.frame["group_id"].nunique()),
        "num_patients": int(frame["patient_id"].nunique()) if "patient_id" in frame else 0,
        "num_lesions": int(frame["lesion_id"].nunique()) if "lesion_id" in frame else 0,
        "classes": {label: int((frame["target"] == label).sum()) for label in classes},
        "roles": count_roles(frame["target"], split, classes),
        "duplicate_pairs": {kind: sum(row["kind"] == kind for row in copies)
                            for kind in ("exact", "near")},
        # Folders of an older version do not say it of each pair.
        "duplicate_pairs_of_two_patients": sum(row.get("of_two_patients", False)
                                               for row in copies),
    }
    plan = {"derived_from": data.digest, "digests": digests, "target": [name, *classes],
            "note": note, "version": lesionlab.__version__}
    return data.manifest | {
        "format_version": FORMAT_VERSION,
        "lesionlab_version": lesionlab.__version__,
        "plan": artifacts.digest_json(plan),
        "derived_from": data.digest,
        "note": note,
        "digests": digests,
        "target": {"name": name, "classes": list(classes)},
        "settings": data.manifest["settings"] | {"target": name},
        "counts": data.manifest["counts"] | counts,
        **count_rights(frame),
        "duplicates": copies,
    }


def _note_left_out(
    manifest: dict[str, Any], data: PreparedData, ids: pd.Index, reasons: Mapping[str, int]
) -> None:
    """Add the rows that were left out to those that had no class, so that the steps sum up."""
    counts = manifest["counts"]
    assert sum(reasons.values()) == len(ids), "each row has one reason"
    counts["dropped_by_target"] = dict(Counter(counts["dropped_by_target"]) + Counter(reasons))
    # The locator is `source/place`; not every cohort has it.
    locators = data.cohort.frame.get("locator", pd.Series(dtype=object)).dropna()
    sources = {str(isic_id): locator.partition("/")[0] for isic_id, locator in locators.items()}
    manifest["dropped"] = [*manifest["dropped"], *(
        {"isic_id": isic_id, "source": sources.get(isic_id), "reason": "left_out",
         "detail": manifest["note"]} for isic_id in map(str, ids))]


def _finished(out: Path, plan: str) -> PreparedData:
    """The folder `out`, where it holds just what was asked for."""
    remedy = f"remove {out} or choose another folder"
    try:
        data = PreparedData.load(out)
    except (InputError, StoreError) as error:
        raise StoreError(f"{error}; first {remedy}") from error
    if data.manifest.get("plan") != plan:
        raise StoreError(f"{out} was derived from other data or in another way; {remedy}")
    return data


def _link_images(source: Path, target: Path) -> None:
    """Give the new folder the image files: one more name where the disk can, else a copy."""
    target.mkdir()
    for path in sorted(source.glob("*.arrow")):
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)
