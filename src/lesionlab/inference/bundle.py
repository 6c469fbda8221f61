"""ModelBundle: everything that predicting needs, in one folder with checksums."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.copies import fetch_folder
from lesionlab.core.errors import BundleError
from lesionlab.core.raw_values import as_number, as_text
from lesionlab.core.remote import as_path
from lesionlab.core.terms import COLUMNS
from lesionlab.evaluation.decision import Decision, choose_decision
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.session import open_session

FORMAT_VERSION = 1
CONTEXT_FORMAT_VERSION = 2
"""Of a bundle with a second pass, so that a reader that knows of none refuses it."""
MODEL_FILE = "model.onnx"
CONTEXT_FILE = "context.onnx"
"""The second pass of a bundle that also compares a patient's images; see `context_pass`."""


@dataclass(frozen=True, kw_only=True)
class ModelBundle:
    """One model: uint8 pixels and raw metadata in, calibrated probabilities out."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Open a bundle and verify the checksum of each file.

        Raises:
            BundleError: the bundle is missing, damaged, or of another version.
            RemoteError: it is behind a URL that cannot be reached.
        """
        folder = fetch_folder(as_path(folder))
        path = folder / "manifest.json"
        if not path.is_file() and (folder / "bundle" / "manifest.json").is_file():
            return cls.load(folder / "bundle")
        if not path.is_file():
            raise BundleError(f"{folder} is not a bundle: it has no manifest.json; "
                              "train one with: lesionlab train DATA --recipe R --out RUN")
        try:
            manifest = artifacts.read_json(path)
        except ValueError as error:
            raise BundleError(f"{path} is damaged: it is not JSON ({error}); "
                              "copy the bundle again") from error
        _check_version(path, manifest)
        _check_digest(path, manifest)
        _check_files(folder, manifest["files"])
        return cls(folder=folder, manifest=manifest)

    def __reduce__(self) -> tuple[Callable[..., ModelBundle], tuple[Path, dict[str, Any], bytes]]:
        # To another machine goes the graph that predicts an image, not the folder's name alone.
        return _rebuild, (self.folder, self.manifest, (self.folder / MODEL_FILE).read_bytes())

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return tuple(self.manifest["classes"])

    @property
    def digest(self) -> str:
        """SHA-256 over the manifest, which holds that of each file."""
        return self.manifest["digest"]

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How pixels are prepared; None for a model that sees no image."""
        settings = self.manifest["preprocessing"]
        return Preprocessing(**settings) if settings else None

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The columns that the model reads, in order."""
        return tuple(item["name"] for item in self.manifest["inputs"] if item["name"] != "image")

    @property
    def decision(self) -> Decision:
        """How the class of an image is decided."""
        return choose_decision(self.classes, self.manifest["thresholds"],
                               self.manifest.get("decision_weights", {}))

    @property
    def score_names(self) -> tuple[str, ...]:
        """Scores of an image that are compared within its patient; empty for most models."""
        return tuple(self._context.get("scores", ()))

    @property
    def measure_names(self) -> tuple[str, ...]:
        """Metadata columns that are compared with them."""
        return tuple(self._context.get("measures", ()))

    @property
    def _context(self) -> dict[str, list[str]]:
        return self.manifest.get("context") or {}

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return _open(self.folder / MODEL_FILE)

    @cached_property
    def _context_session(self) -> onnxruntime.InferenceSession:
        return _open(self.folder / CONTEXT_FILE)

    def run(self, images: np.ndarray | None, metadata: pd.DataFrame) -> np.ndarray:
        """Calibrated probabilities, (N, classes) float32, rows summing to 1, each row by itself.

        Args:
            images: (N, S, S, 3) uint8 RGB from `preprocessing`; None where there is none.
            metadata: N rows; a column that it lacks counts as missing for all.
        """
        return self.run_all(images, metadata)[:, :len(self.classes)]

    def run_all(self, images: np.ndarray | None, metadata: pd.DataFrame) -> np.ndarray:
        """What `run` gives and, as further columns, the scores of `score_names`."""
        feeds = self._feed(metadata)
        if self.preprocessing is not None:
            assert images is not None and images.dtype == np.uint8
            feeds["image"] = images
        if not feeds:
            feeds["num_rows"] = np.zeros(len(metadata), np.float32)
        outputs = ["probabilities", *(["scores"] if self.score_names else [])]
        return np.concatenate([*map(np.asarray, self._session.run(outputs, feeds))], axis=1)

    def run_context(
        self, scores: np.ndarray, context: np.ndarray, metadata: pd.DataFrame
    ) -> np.ndarray:
        """Probabilities as of `run`, of scores that were compared within their patient.

        Args:
            scores: (N, C) float32 of `run_all`.
            context: (N, F) float32 of `patient_context.list_context_columns`, NaN where unknown.
            metadata: N rows.
        """
        feeds = self._feed(metadata) | {"scores": scores, "context": context}
        return np.asarray(self._context_session.run(["probabilities"], feeds)[0])

    def _feed(self, metadata: pd.DataFrame) -> dict[str, np.ndarray]:
        return {name: raw_values(metadata, name) for name in self.metadata_columns}


def _rebuild(folder: Path, manifest: dict[str, Any], graph: bytes) -> ModelBundle:
    bundle = ModelBundle(folder=folder, manifest=manifest)
    vars(bundle)["_session"] = open_session(graph)  # as if it had been opened already
    return bundle


def _open(path: Path) -> onnxruntime.InferenceSession:
    try:
        return open_session(path)
    except Exception as error:  # onnxruntime raises a family without a common root
        raise BundleError(f"{path} does not load in onnxruntime {onnxruntime.__version__} "
                          f"({error})") from error


def raw_values(frame: pd.DataFrame, name: str) -> np.ndarray:
    """(N,) float32 with NaN, or (N,) text with "" where missing: what the graph takes."""
    values = frame.get(name, pd.Series(np.nan, index=frame.index, dtype=object))
    if COLUMNS[name].kind == "number":
        return as_number(values)
    return as_text(values)


def seal_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the SHA-256 of each file beside it, and of itself; written to `folder`."""
    names = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    body = {key: value for key, value in manifest.items() if key != "digest"}
    sealed = body | {"files": {name: artifacts.digest_file(folder / name) for name in names}}
    # As it will be read: JSON turns number keys into text, which sorts in another order.
    sealed = json.loads(json.dumps(sealed))
    sealed["digest"] = artifacts.digest_json(sealed)
    artifacts.write_json(folder / "manifest.json", sealed)
    return sealed


def _check_version(path: Path, manifest: Any) -> None:
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if not isinstance(version, int):
        raise BundleError(f"{path} is damaged: it has no format version; copy the bundle again")
    if version > CONTEXT_FORMAT_VERSION:
        raise BundleError(f"{path} has format {version}, made by lesionlab "
                          f"{manifest.get('lesionlab_version')}; this version reads up to "
                          f"{CONTEXT_FORMAT_VERSION}: pip install --upgrade lesionlab")


def _check_digest(path: Path, manifest: dict[str, Any]) -> None:
    body = {key: value for key, value in manifest.items() if key != "digest"}
    if artifacts.digest_json(body) != manifest.get("digest") or "files" not in manifest:
        raise BundleError(f"{path} is damaged: its content does not match its own digest; "
                          "copy the bundle again")


def _check_files(folder: Path, files: dict[str, str]) -> None:
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path} is missing; copy the bundle again")
        if artifacts.digest_file(path) != digest:
            raise BundleError(f"{path} is damaged: its SHA-256 does not match the manifest; "
                              "copy the bundle again")
