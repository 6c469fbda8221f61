"""PreparedData: cohort, split and images of one prepared folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lesionlab.core import artifacts, displays
from lesionlab.core.cohort import Cohort
from lesionlab.core.copies import fetch_folder
from lesionlab.core.errors import SplitError, StoreError
from lesionlab.core.remote import as_path
from lesionlab.core.split import Role, Split
from lesionlab.dataset.store import ImageStore

FORMAT_VERSION = 1
_LOSSES = {"reading": "dropped_by_source", "target": "dropped_by_target",
           "images": "rejected_images"}
"""Where rows are lost, and where the manifest counts them."""


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """What `prepare` wrote; every row has a target, a role and a decodable image."""

    folder: Path
    manifest: dict[str, Any]
    """The content of manifest.json."""
    cohort: Cohort
    split: Split
    store: ImageStore

    @classmethod
    def load(cls, folder: Path, *, may_leak: bool = False) -> PreparedData:
        """Open a prepared folder and check that its parts belong together.

        Of one behind a URL a copy on this disk is opened, which is made where it is not there.
        Only an audit may look at a split that was taken as it was given (`may_leak`).

        Raises:
            StoreError: the folder is missing, damaged, or of another version.
            SplitError: the split does not hold its groups together, or need not.
            RemoteError: the URL cannot be reached.
        """
        folder = fetch_folder(as_path(folder))
        path = folder / "manifest.json"
        if not path.is_file():
            raise StoreError(f"{folder} is not a prepared folder: it has no manifest.json; "
                             f"make one with: lesionlab prepare SOURCE --out {folder}")
        try:
            manifest = artifacts.read_json(path)
        except ValueError as error:
            raise StoreError(f"{path} is damaged: it is not JSON ({error}); "
                             "prepare the data again") from error
        version = manifest.get("format_version") if isinstance(manifest, dict) else None
        if version != FORMAT_VERSION:
            raise StoreError(f"{path} has format {version}, this version reads {FORMAT_VERSION}; "
                             "prepare the data again")
        try:
            cohort = Cohort.load(folder / "cohort.parquet")
            split = Split.load(folder / "split.parquet")
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{folder} is damaged ({error}); prepare the data again") from error
        data = cls(folder=folder, manifest=manifest, cohort=cohort, split=split,
                   store=ImageStore(folder=folder / "images"))
        data._check()
        if split.may_leak and not may_leak:
            raise SplitError(f"{folder} holds a split as it was given, for an audit only: it may "
                             "leak; make a folder to train on with lesionlab prepare")
        return data

    def _check(self) -> None:
        digests = {"cohort": self.cohort.digest, "split": self.split.digest,
                   "images": self.store.digest}
        written = self.manifest.get("digests", {})
        changed = [name for name, digest in digests.items() if digest != written.get(name)]
        if changed:
            raise StoreError(f"{self.folder}: {' and '.join(changed)} changed after prepare wrote "
                             "them (the digest in manifest.json differs); prepare the data again")
        self.split.check_against(self.cohort)
        self.store.check_covers(self.cohort.ids)

    @property
    def digest(self) -> str:
        """SHA-256 over cohort, split and images."""
        return self.manifest["digests"]["data"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the target's order; for two classes the second is the positive one."""
        return tuple(self.manifest["target"]["classes"])

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.manifest["target"]["name"]

    @property
    def size_px(self) -> int:
        """Most pixels on the shorter side of a stored image."""
        return self.manifest["settings"]["size_px"]

    @property
    def licences(self) -> dict[str, int]:
        """Images by licence."""
        return self.manifest["licences"]

    @property
    def attributions(self) -> dict[str, int]:
        """Images by who must be named; empty in a folder of before this was counted."""
        return self.manifest.get("attributions", {})

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The cohort with `role` and `group_id` of the split beside, indexed by id."""
        frame = self.cohort.frame
        # The user's own table may have columns of these names.
        return frame.drop(columns=["role", "group_id"], errors="ignore").join(self.split.frame)

    def rows(self, role: Role) -> pd.DataFrame:
        """The rows of one role, in id order."""
        return self.frame[self.frame["role"] == role]

    def _repr_html_(self) -> str:
        counts = self.manifest["counts"]
        roles = [(role, count["num_images"], count["num_groups"],
                  *(count["classes"][name] for name in self.classes))
                 for role, count in counts["roles"].items()]
        lost = [(stage, reason, count) for stage, key in _LOSSES.items()
                for reason, count in counts[key].items()]
        return displays.show_value(
            "PreparedData", {"target": self.target, "images": counts["num_images"],
                             "groups": counts["num_groups"], "by": self.split.group_key,
                             "digest": self.digest[:12]},
            displays.show_table("Images by role", ("role", "images", "groups", *self.classes),
                                roles),
            displays.show_table("Left out", ("where", "why", "images"), lost, num_left=2))


def data_digest(cohort: Cohort, split: Split, store: ImageStore) -> dict[str, str]:
    """The digests of the parts, and of all of them as `data`."""
    parts = {"cohort": cohort.digest, "split": split.digest, "images": store.digest}
    return parts | {"data": artifacts.digest_json(parts)}
