"""Reading every image file once: decode, reject with a reason, hash, keep as JPEG."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.errors import DecodeError
from lesionlab.dataset.store import ImageStore, write_shard
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.decoding import DecodeLimits, decode_image
from lesionlab.imaging.jpeg import END_OF_IMAGE, encode_jpeg
from lesionlab.imaging.perceptual import find_near_duplicates, hash_thumbnail, make_thumbnail
from lesionlab.scaling import map_tasks, progress

SHARD_ROWS = 256
"""Most images of one task and one file of the store; what a kill can cost each worker."""
LEAST_ROWS = 16
"""Fewest images of one task; larger cohorts make this many tasks before tasks grow."""

MOST_SIDE = 65_500
"""Pixels that libjpeg writes on one side."""


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """The images that become one shard."""

    number: int
    folder: Path
    images: tuple[tuple[str, ImageAddress], ...]
    """`isic_id` and where it is, in id order."""
    size_px: int
    """Most pixels on the shorter side of a stored image."""
    limits: DecodeLimits

    @property
    def shard(self) -> Path:
        """Where the accepted images go."""
        return self.folder / "images" / f"{self.number:06d}.arrow"

    @property
    def rejects(self) -> Path:
        """Where the rejected ids go; written last, so it stands for a finished task."""
        return self.folder / "rejected" / f"{self.number:06d}.json"


def screen_images(
    folder: Path, addresses: dict[str, ImageAddress], *, size_px: int, limits: DecodeLimits,
    num_workers: int | None = None,
) -> pd.DataFrame:
    """Fill `folder/images` by id; return the rejected, `isic_id, reason, detail`.

    Tasks that an earlier, killed run finished are not repeated.
    """
    items = sorted(addresses.items())
    # A few large photographs are spread over the processes too; by their number alone, so that
    # the bytes of the store do not depend on the machine.
    size = min(SHARD_ROWS, max(LEAST_ROWS, len(items) // LEAST_ROWS))
    tasks = [
        ShardTask(number=number, folder=folder, images=tuple(items[start:start + size]),
                  size_px=size_px, limits=limits)
        for number, start in enumerate(range(0, len(items), size))
    ]
    pending = [task for task in tasks if not task.rejects.exists()]
    with progress(len(items), "reading images") as bar:
        bar.update(len(items) - sum(len(task.images) for task in pending))
        for num_images in map_tasks(_screen_shard, pending, num_workers=num_workers):
            bar.update(num_images)
    rejected = [row for task in tasks for row in artifacts.read_json(task.rejects)]
    return pd.DataFrame(rejected, columns=["isic_id", "reason", "detail"])


def find_copies(store: ImageStore) -> list[tuple[str, str, str]]:
    """Pairs of ids whose pictures are copies, each with `exact` or `near`, in id order.

    Exact copies have the same bytes, near copies the same picture; see `imaging.perceptual`.
    Every member of a chain of copies is named at least once.
    """
    shas = store.column("sha256")
    first = shas.index.to_series().groupby(shas).transform("first")
    exact = [(str(a), str(b), "exact") for b, a in first.items() if a != b]
    ids = store.ids
    pairs = find_near_duplicates(store.column("perceptual_hash").to_numpy(),
                                 lambda row: store.thumbnail(ids[row]))
    near = [(str(ids[a]), str(ids[b]), "near") for a, b in pairs if shas.iloc[a] != shas.iloc[b]]
    return sorted({*exact, *near})


def _screen_shard(task: ShardTask) -> int:
    rows, rejected = [], []
    for isic_id, address in task.images:
        try:
            rows.append({"isic_id": isic_id} | _screen_image(address, task.size_px, task.limits))
        except DecodeError as error:
            # The folder that holds the file is the user's business, not the manifest's.
            detail = str(error).replace(str(address.path), address.path.name)
            rejected.append({"isic_id": isic_id, "reason": error.reason, "detail": detail})
    if rows:
        write_shard(task.shard, rows)
    artifacts.write_json(task.rejects, rejected)
    return len(task.images)


def _screen_image(
    address: ImageAddress, size_px: int, limits: DecodeLimits,
) -> dict[str, object]:
    """A row of the store without its id."""
    data = address.read(limits)
    image = decode_image(data, short_side=size_px, limits=limits)
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
        "sha256": hashlib.sha256(data).hexdigest(),
        "stored_sha256": hashlib.sha256(stored).hexdigest(),
        "perceptual_hash": int(hash_thumbnail(thumbnail)),
        "thumbnail": thumbnail.tobytes(),
        "pixels_x": image.width,
        "pixels_y": image.height,
        "file_bytes": len(data),
    }
