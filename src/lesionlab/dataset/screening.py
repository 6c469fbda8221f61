"""Reading every image file once: decode, reject with a reason, hash, keep as JPEG."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.errors import DecodeError
from lesionlab.core.remote import is_remote
from lesionlab.dataset.store import ImageStore, encode_shard
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.decoding import DecodeLimits, decode_image
from lesionlab.imaging.jpeg import END_OF_IMAGE, encode_jpeg
from lesionlab.imaging.perceptual import find_near_duplicates, hash_thumbnail
from lesionlab.imaging.thumbnails import make_thumbnail
from lesionlab.scaling.executors import Executor, LocalExecutor
from lesionlab.scaling.progress import progress
from lesionlab.scaling.workers import map_tasks

SHARD_ROWS = 256
"""Most images of one task and one file of the store; what a kill can cost each worker."""
LEAST_ROWS = 16
"""Fewest images of one task; larger cohorts make this many tasks before tasks grow."""

MOST_SIDE = 65_500
"""Pixels that libjpeg writes on one side."""


REMOTE_READS = 16
"""Images behind URLs that a worker reads at a time, for it mostly waits for them."""


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """The images that become one shard."""

    number: int
    images: tuple[tuple[str, ImageAddress], ...]
    """`isic_id` and where it is, in id order."""
    size_px: int
    """Most pixels on the shorter side of a stored image."""
    limits: DecodeLimits


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What became of the images of one task; it may have been made on another machine."""

    number: int
    num_images: int
    """Those of the task, accepted or not."""
    accepted: bytes
    """An Arrow file of the store; empty for none."""
    rejected: list[dict[str, str]]
    """`isic_id`, `reason`, `detail`."""


def screen_images(
    folder: Path, addresses: dict[str, ImageAddress], *, size_px: int, limits: DecodeLimits,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Fill `folder/images` by id; return the rejected, `isic_id, reason, detail`.

    Tasks that an earlier, killed run finished are not repeated.
    """
    items = sorted(addresses.items())
    # A few large photographs are spread over the processes too; by their number alone, so that
    # the bytes of the store do not depend on the machine.
    size = min(SHARD_ROWS, max(LEAST_ROWS, len(items) // LEAST_ROWS))
    tasks = [
        ShardTask(number=number, images=tuple(items[start:start + size]), size_px=size_px,
                  limits=limits)
        for number, start in enumerate(range(0, len(items), size))
    ]
    pending = [task for task in tasks if not _name_rejects(folder, task.number).exists()]
    executor = executor or LocalExecutor()
    with progress(len(items), "reading images") as bar:
        bar.update(len(items) - sum(len(task.images) for task in pending))
        for num_images in executor.map(_screen_shard, pending, keep=partial(_keep_shard, folder)):
            bar.update(num_images)
    rejected = [row for task in tasks
                for row in artifacts.read_json(_name_rejects(folder, task.number))]
    return pd.DataFrame(rejected, columns=["isic_id", "reason", "detail"])


def find_copies(store: ImageStore) -> list[tuple[str, str, str]]:
    """Pairs of ids whose pictures are copies, each with `exact` or `near`, in id order.

    Exact copies have the same bytes, near copies the same picture; see `imaging.perceptual`.
    Every member of a chain of copies is named at least once.
    """
    ids, codes = store.ids.tolist(), pd.factorize(store.column("sha256"))[0]
    first = np.unique(codes, return_index=True)[1][codes]  # row of the first image of each file
    rows = np.arange(len(ids))
    exact = np.stack([first, rows], axis=1)[first != rows]
    pairs = find_near_duplicates(store.column("perceptual_hash").to_numpy(),
                                 lambda row: store.thumbnail(ids[row]))
    near = pairs[codes[pairs[:, 0]] != codes[pairs[:, 1]]]
    return sorted((ids[a], ids[b], kind) for kind, found in (("exact", exact), ("near", near))
                  for a, b in found.tolist())


def _screen_shard(task: ShardTask) -> Shard:
    screen = partial(_screen_item, size_px=task.size_px, limits=task.limits)
    num_reads = REMOTE_READS if any(is_remote(address.path) for _, address in task.images) else 1
    rows, rejected = [], []
    for row, problem in map_tasks(screen, task.images, num_workers=num_reads, workers="threads"):
        rows += row
        rejected += problem
    return Shard(number=task.number, num_images=len(task.images), rejected=rejected,
                 accepted=encode_shard(rows) if rows else b"")


def _keep_shard(folder: Path, shard: Shard) -> int:
    """Write what a task gave; the number of its images."""
    if shard.accepted:
        artifacts.write_bytes(folder / "images" / f"{shard.number:06d}.arrow", shard.accepted)
    artifacts.write_json(_name_rejects(folder, shard.number), shard.rejected)
    return shard.num_images


def _name_rejects(folder: Path, number: int) -> Path:
    """Where the rejected ids of a task go; written last, so it stands for a finished one."""
    return folder / "rejected" / f"{number:06d}.json"


def _screen_item(
    item: tuple[str, ImageAddress], size_px: int, limits: DecodeLimits
) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    """The row of an image that is accepted, or why it is rejected; the other list is empty."""
    isic_id, address = item
    try:
        return [{"isic_id": isic_id} | _screen_image(address, size_px, limits)], []
    except DecodeError as error:
        # Where the file lies is the user's business, not the manifest's; it may name a patient.
        detail = str(error).replace(str(address.path), isic_id)
        return [], [{"isic_id": isic_id, "reason": error.reason, "detail": detail}]


def _digest(data: bytes, frame: int) -> str:
    """SHA-256 of a file; of a later frame of it another, for the picture is another."""
    return hashlib.sha256(data + (f"#{frame}".encode() if frame else b"")).hexdigest()


def _screen_image(
    address: ImageAddress, size_px: int, limits: DecodeLimits,
) -> dict[str, object]:
    """A row of the store without its id."""
    data = address.read(limits)
    image = decode_image(data, frame=address.frame, short_side=size_px, limits=limits)
    height, width = image.rgb.shape[:2]
    if max(width, height) > MOST_SIDE:
        raise DecodeError("unsupported", f"the picture is kept as {width:,} x {height:,} pixels, "
                          f"and a JPEG has at most {MOST_SIDE:,} on a side; cut the lesion out")
    # What stands behind the picture may name the patient, so only a file without it is kept.
    is_kept = image.is_storable and data.endswith(END_OF_IMAGE)
    stored = data if is_kept else encode_jpeg(image.rgb)
    thumbnail = make_thumbnail(image.rgb)
    return {
        "image": stored,
        "width": width,
        "height": height,
        "sha256": _digest(data, address.frame),
        "stored_sha256": hashlib.sha256(stored).hexdigest(),
        "perceptual_hash": int(hash_thumbnail(thumbnail)),
        "thumbnail": thumbnail.tobytes(),
        "pixels_x": image.width,
        "pixels_y": image.height,
        "file_bytes": len(data),
        "file_format": image.file_format,
        "jpeg_quality": image.jpeg_quality,
    }
