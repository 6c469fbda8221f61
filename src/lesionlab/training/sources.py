"""Where a network's batches come from: squares in memory, or the cached output of frozen stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from lesionlab.dataset.store import ImageStore, decode_stored
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.augmentation import Transforms, draw_transforms, hash_keys
from lesionlab.scaling.progress import progress
from lesionlab.scaling.workers import map_tasks

MARGIN = 1.15
"""How much larger than a view the square is that it is cut from, so that crops stay sharp."""
MOST_BYTES = 8 << 30
"""Squares of a role are held in memory up to this size, and else decoded for each batch."""
CHUNK = 64
"""Squares that are decoded as one task."""


class Source(Protocol):
    """What the loop needs to know of the images of a role."""

    @property
    def start(self) -> int:
        """The stage of the network at which batches enter; 0 for pixels."""
        ...

    def load(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """The input of the network for view `views[k]` of image `rows[k]`, (B, ...)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelSource:
    """Squares, cut and coloured on the device that trains."""

    store: ImageStore
    ids: list[str]
    keys: np.ndarray
    """(N,) uint64 that the views of each image are drawn by, from the stored image's digest."""
    preprocessing: Preprocessing
    """How a square is made; larger than `size_px` where views are cut from it."""
    size_px: int
    """Side of a view."""
    augmentation: str
    seed: int
    device: torch.device
    held: Tensor | None
    """(N, S, S, 3) uint8 of all images, on the device where they fit there."""
    start: int = 0

    def load(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Pixels (B, size_px, size_px, 3) uint8."""
        if self.held is None:
            squares = _decode_all(self.store, [self.ids[row] for row in rows], self.preprocessing)
        else:
            squares = self.held[torch.from_numpy(rows).to(self.held.device)]
        if squares.device != self.device:
            squares = squares.pin_memory().to(self.device, non_blocking=True)
        if not views.any() and self.preprocessing.size_px == self.size_px:
            return squares
        transforms = draw_transforms(self.augmentation, self.seed, views, self.keys[rows])
        return apply_transforms(squares, transforms, self.size_px)


@dataclass(frozen=True, kw_only=True, eq=False)
class MapSource:
    """What the frozen stages made of each view, from the cache."""

    maps: list[list[np.ndarray]]
    """By view and image: float16 values of the map, memory-mapped."""
    shape: tuple[int, ...]
    """(C, H, W) of a map, (D,) where all stages are frozen."""
    start: int

    def load(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        """Maps (B, C, H, W) or vectors (B, D), float32."""
        stacked = np.stack([self.maps[view][row] for row, view in zip(rows, views, strict=True)])
        values = torch.from_numpy(stacked).reshape(len(rows), *self.shape).float()
        if values.ndim == 4:
            values = values.contiguous(memory_format=torch.channels_last)
        return values


def open_pixels(
    store: ImageStore, ids: list[str], *, size_px: int, decode_side: int, augmentation: str,
    seed: int, device: torch.device, is_augmented: bool,
) -> PixelSource:
    """The squares of images, decoded now where they fit in memory.

    Raises:
        StoreError: a stored image does not decode.
    """
    plain = Preprocessing(size_px=size_px, decode_side=decode_side)
    preprocessing = widen(plain) if is_augmented else plain
    held = None
    if len(ids) * preprocessing.size_px**2 * 3 <= MOST_BYTES:
        held = _decode_all(store, ids, preprocessing, label="decoding")
        if device.type == "cuda" and held.nbytes < torch.cuda.mem_get_info(device)[0] // 4:
            held = held.to(device)
    return PixelSource(
        store=store, ids=ids, keys=hash_keys(list(store.column("stored_sha256").loc[ids])),
        preprocessing=preprocessing, size_px=size_px, augmentation=augmentation, seed=seed,
        device=device, held=held)


def widen(plain: Preprocessing) -> Preprocessing:
    """How the square is made that views as large as `plain` are cut from."""
    side = min(round(plain.size_px * MARGIN), max(plain.decode_side, plain.size_px))
    return replace(plain, size_px=side)


def apply_transforms(squares: Tensor, transforms: Transforms, size_px: int) -> Tensor:
    """Views (B, size_px, size_px, 3) uint8 of squares (B, S, S, 3) uint8, on their device.

    What lies outside a square is mirrored at its edge.
    """
    device = squares.device
    matrices, gains, offsets = (
        torch.from_numpy(part).to(device)
        for part in (transforms.matrices, transforms.gains, transforms.offsets))
    grid = affine_grid(matrices, [len(squares), 3, size_px, size_px], align_corners=False)
    pixels = squares.permute(0, 3, 1, 2).float()
    views = grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection",
                        align_corners=False)
    views = views * gains[:, :, None, None] + offsets[:, :, None, None]
    return views.clamp_(0, 255).round_().to(torch.uint8).permute(0, 2, 3, 1)


def _decode_all(
    store: ImageStore, ids: list[str], preprocessing: Preprocessing, label: str = ""
) -> Tensor:
    """(N, S, S, 3) uint8, decoded in threads."""
    def decode(names: list[str]) -> np.ndarray:
        return np.stack([preprocessing.apply(decode_stored(store.folder, name, store.read(name)))
                         for name in names])

    side = preprocessing.size_px
    squares = torch.empty((len(ids), side, side, 3), dtype=torch.uint8)
    chunks = [ids[k:k + CHUNK] for k in range(0, len(ids), CHUNK)]
    done = 0
    with progress(len(ids) if label else 0, label) as bar:
        for chunk in map_tasks(decode, chunks, workers="threads"):
            squares[done:done + len(chunk)] = torch.from_numpy(chunk)
            done += len(chunk)
            bar.update(len(chunk))
    return squares
