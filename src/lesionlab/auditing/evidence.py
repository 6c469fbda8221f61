"""Evidence: prepared data, and what is measured on its pictures once a check asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.auditing.altering import ALTERATIONS, AlteredViews
from lesionlab.auditing.association import Separation
from lesionlab.auditing.covering import CoveredViews, View
from lesionlab.auditing.measured import measure_store
from lesionlab.auditing.near_copies import COPIES_VERSION, find_altered_copies
from lesionlab.auditing.probing import (
    MOST_COMPONENTS,
    choose_rows,
    probe,
    score_out_of_fold,
)
from lesionlab.core import artifacts
from lesionlab.core.errors import MissingExtraError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.recipes import image_frozen
from lesionlab.training.checked_files import find_or_write
from lesionlab.training.embedding import Embedder

FILE_COLUMNS = ("file_bytes", "pixels_x", "pixels_y", "file_format", "jpeg_quality")
"""What the store knows of the file that each picture came in."""
IMAGES_PER_COMPONENT = 30
"""Pictures for each component of a model that labels are doubted by."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an audit looks at; nothing is computed before a check asks for it, nor twice."""

    data: PreparedData
    cache: Path
    """Where measures and features are kept from one audit to the next."""
    _seen: dict[View, dict[str, np.ndarray]] = field(default_factory=dict, init=False, repr=False)
    _told: dict[View, list[Separation]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """float64 measures of each stored picture by `isic_id`; see `imaging.measures`."""
        return measure_store(self.data.store, self.cache).loc[self.data.cohort.ids]

    @cached_property
    def files(self) -> pd.DataFrame:
        """`FILE_COLUMNS` by `isic_id`: of the file that each picture came in."""
        store, ids = self.data.store, self.data.cohort.ids
        return pd.DataFrame({name: store.column(name).loc[ids] for name in FILE_COLUMNS})

    @cached_property
    def why_no_features(self) -> str | None:
        """Why pictures cannot be turned into features here; None where they can."""
        try:
            _ = self._embedder
        except MissingExtraError as error:
            return str(error)
        return None

    def features(self, view: View, ids: Sequence[str] | pd.Index) -> np.ndarray:
        """(N, D) float32 frozen features of N images, those of the recipe `image_frozen`.

        Args:
            view: the whole picture, or what is left of it when a part is covered.
            ids: of the images, in the order of the rows.

        Raises:
            MissingExtraError: the extra `train` is not installed; see `why_no_features`.
        """
        seen, names = self._seen.setdefault(view, {}), list(map(str, ids))
        if not names:  # a role without images
            return np.empty((0, 0), np.float32)
        if missing := [isic_id for isic_id in names if isic_id not in seen]:
            embedder = replace(self._embedder,
                               views=CoveredViews(preprocessing=self._square, view=view))
            [found] = embedder.find(self.data.store, missing, 1)
            seen |= zip(missing, found, strict=True)
        return np.stack([seen[isic_id] for isic_id in names]).astype(np.float32)

    @cached_property
    def copies(self) -> pd.DataFrame:
        """`isic_id`, `copy_of`, `how`: altered copies; see `near_copies.find_altered_copies`.

        Raises:
            MissingExtraError: the extra `train` is not installed; see `why_no_features`.
        """
        key = artifacts.digest_json([COPIES_VERSION, self.data.digest, self._embedder.key])
        found = find_or_write(self.cache / "copies", key[:32], ".parquet", self._find_copies)
        return pd.read_parquet(BytesIO(found))

    def _find_copies(self) -> bytes:
        found = find_altered_copies(self.data.store, self.data.cohort.ids.tolist(),
                                    partial(self.features, "whole"), self._embed_altered)
        return found.to_parquet(index=False)

    def _embed_altered(self, ids: Sequence[str]) -> np.ndarray:
        """(N, A, D) float32 features of N pictures in all of `altering.ALTERATIONS`."""
        embedder = replace(self._embedder, views=AlteredViews(preprocessing=self._square))
        return embedder.embed(self.data.store, list(ids), len(ALTERATIONS))

    def tell_target(self, view: View) -> list[Separation]:
        """How well a view of the picture tells each class from the rest, the surest first."""
        if view not in self._told:
            rows = choose_rows(self.data.frame)
            self._told[view] = probe(rows, self.features(view, rows.index), kind="features",
                                     classes=self.data.classes)
        return self._told[view]

    @cached_property
    def target_scores(self) -> pd.DataFrame | None:
        """Probability of each class for each picture of `choose_rows`, by models of other groups.

        Few components, for labels may be wrong and a model of many learns that by heart.
        """
        rows = choose_rows(self.data.frame)
        return score_out_of_fold(
            self.features("whole", rows.index), rows["target"].astype(str), rows["group_id"],
            kind="features",
            most_components=min(MOST_COMPONENTS, max(8, len(rows) // IMAGES_PER_COMPONENT)))

    @property
    def _square(self) -> Preprocessing:
        """How a stored picture becomes the square that the network sees."""
        return Preprocessing(size_px=image_frozen().image.size_px, decode_side=self.data.size_px)

    @cached_property
    def _embedder(self) -> Embedder:
        """Of whole pictures."""
        try:
            from lesionlab.training.features import open_backbone
        except ImportError as error:
            raise MissingExtraError(f"features of pictures need the extra 'train' ({error}); "
                                    "pip install 'lesionlab[train]'") from error
        embedder = open_backbone(image_frozen(), self.data, self.cache)[2]
        assert embedder is not None, "the recipe has a backbone"
        return embedder
