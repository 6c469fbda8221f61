"""evaluate(): a run, or another tool's table, to a report on prepared data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd

import lesionlab
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.split import ROLES, Role
from lesionlab.dataset.ledger import Look, Looks, record_look
from lesionlab.dataset.licensing import REASON
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.contents import FlowStep, Report, ReportContext
from lesionlab.evaluation.external import read_predictions
from lesionlab.evaluation.report import build_report, save_report
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.external_data import find_trained_folder, select_external_rows
from lesionlab.inference.gathering import gather_background
from lesionlab.inference.predicting import predict_rows

SUBGROUPS = ("sex", "anatom_site_1", "image_type", "fitzpatrick_skin_type", "source")
"""Columns whose values are reported on their own, beside bands of age."""
AGE_BANDS = [0, 30, 50, 70, 200]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A report and where it stands."""

    folder: Path
    report: Report
    notes: tuple[str, ...] = ()
    """What the user should know of the images, such as why some were left out."""

    @property
    def content(self) -> dict[str, Any]:
        """The content of report.json."""
        return self.report.to_dict()

    @property
    def lines(self) -> list[str]:
        """The headline and what was found, for a terminal."""
        bad = [finding for finding in self.report.findings if finding.section == "issue"]
        looks = self.report.looks
        return [self.report.headline, *(f"note: {note}" for note in self.notes),
                *([looks.text] if looks else []),
                *(f"issue {f.code}: {f.explanation}" for f in bad)]

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


@dataclass(frozen=True, kw_only=True)
class _ScoredRows:
    """The images of a report."""

    role: str
    rows: pd.DataFrame
    steps: tuple[FlowStep, ...]
    """What led from the prepared images to these."""
    ending: str
    """Of the names of what is written, such as `test`."""
    notes: tuple[str, ...] = ()


def evaluate(
    run: Path, *, role: str | None = None, data: Path | None = None, out: Path | None = None,
    seed: int = 0,
) -> Evaluation:
    """Predict images by the run's bundle, and write `RUN/report/`.

    On the data that the run was trained on, those of one role. Other data are an external test:
    all images with a class that the model knows and without a link to its training, see
    `lesionlab.inference.external_data`. A look at test images, and an external test, is recorded
    in the data folder, see `lesionlab.dataset.ledger`.

    Args:
        run: folder of `lesionlab train`.
        role: `test`, `valid` or `train`; by default `test`, in an external test all.
        data: prepared folder; by default the one that the run was trained on.
        out: folder of the report; by default `report` in the run, with the role's name behind
            it unless it is the test role, or `report_external_` and the name of the data folder.
        seed: of the bootstrap.

    Raises:
        InputError: the data ask another question than the model answers, or all of their images
            are linked to its training, or it is not known which images it was trained on.
        StoreError, BundleError: the run or the data are missing or damaged.
    """
    chosen = _check_role(role) if role else None
    if not (run / "training.json").is_file():
        raise StoreError(f"{run} is not a run: it has no training.json; "
                         f"make one with: lesionlab train DATA --recipe R --out {run}")
    bundle = ModelBundle.load(run / "bundle")
    prepared = PreparedData.load(data) if data else _load_own_data(run, bundle)
    digests = bundle.manifest["digests"] | {"bundle": bundle.digest}
    if prepared.digest == digests["data"]:
        scored = _choose_own(prepared, chosen or "test")
    else:
        scored = _choose_external(run, bundle, prepared, chosen)
        digests = {"training data": digests.pop("data")} | digests
        digests["external data"] = prepared.digest
    predictions = predict_rows(bundle, prepared, scored.rows, scored.role)
    predictions.save(run / f"predictions_{scored.ending}.parquet")
    recipe = bundle.manifest["recipe"]["name"]
    looks, notes = _record(prepared, scored, Look(
        data=prepared.digest, role=scored.role, model=bundle.digest, recipe=digests["recipe"],
        recipe_name=recipe, run=run.resolve().name, num_images=len(predictions)))
    background = gather_background(prepared, scored.rows, scored.role, run=run, bundle=bundle)
    context = _context(prepared, scored.steps, title=f"{recipe} on {prepared.target}",
                       recipe=recipe, digests=digests)
    report = build_report(predictions, thresholds=bundle.manifest["thresholds"],
                          class_weights=bundle.manifest.get("decision_weights"),
                          subgroups=subgroup_columns(scored.rows), context=context, seed=seed,
                          background=replace(background, looks=looks))
    folder = out or run / ("report" if scored.ending == "test" else f"report_{scored.ending}")
    save_report(report, folder)
    return Evaluation(folder=folder, report=report, notes=notes)


def evaluate_predictions(
    path: Path, *, data: Path | None, role: str | None = None, out: Path | None = None,
    seed: int = 0,
) -> Evaluation:
    """Score another tool's predictions, joined to the prepared data by id.

    Raises:
        InputError: no data were named.
        PredictionsError: ids missing, extra or repeated, or values that are no probabilities.
    """
    role = _check_role(role or "test")
    if data is None:
        raise InputError(f"{path}: predictions of another tool need --data, the prepared folder "
                         "whose images they are of")
    prepared = PreparedData.load(data)
    truth = prepared.frame[["role", "group_id", "target"]]
    predictions = read_predictions(path, truth, classes=prepared.classes, role=role,
                                   data_digest=prepared.digest)
    scored = _choose_own(prepared, role)
    context = _context(prepared, scored.steps, recipe=None,
                       title=f"{path.name} on {prepared.target}",
                       digests={"data": prepared.digest, "split": prepared.split.digest})
    looks, notes = _record(prepared, scored, Look(
        data=prepared.digest, role=role, model=predictions.digest, recipe=path.name,
        recipe_name=None, run=path.name, num_images=len(predictions)))
    background = gather_background(prepared, scored.rows, role)
    report = build_report(predictions, context=context, seed=seed,
                          subgroups=subgroup_columns(scored.rows),
                          background=replace(background, looks=looks))
    folder = out or path.parent / f"{path.stem}_report"
    save_report(report, folder)
    return Evaluation(folder=folder, report=report, notes=notes)


def _record(
    data: PreparedData, scored: _ScoredRows, look: Look
) -> tuple[Looks | None, tuple[str, ...]]:
    """The looks at test images, this one included, and all notes; of other images none."""
    if look.role not in ("test", "external"):
        return None, scored.notes
    looks, note = record_look(data, look)
    return looks, (*scored.notes, *([note] if note else []))


def subgroup_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The categories that results are broken down by, a column each, indexed by id."""
    columns = rows[[name for name in SUBGROUPS if name in rows]].copy()
    if "age_approx" in rows:
        labels = ["under 30", "30 to 49", "50 to 69", "70 and over"]
        columns["age"] = pd.cut(rows["age_approx"], AGE_BANDS, right=False, labels=labels)
    return columns.astype("object").where(columns.notna(), None)


def _check_role(role: str) -> Role:
    if role not in ROLES:
        raise InputError(f"--role {role}: choose {', '.join(ROLES)}")
    return cast(Role, role)


def _load_own_data(run: Path, bundle: ModelBundle) -> PreparedData:
    """The data that the run was trained on, from where they were then."""
    folder = find_trained_folder(run)
    if not folder.is_dir():
        raise StoreError(f"the data of {run} are no longer at {folder}; name them by --data")
    data, trained_on = PreparedData.load(folder), bundle.manifest["digests"]["data"]
    if data.digest != trained_on:
        raise InputError(f"{run} was trained on data {trained_on[:12]}, {folder} now holds "
                         f"{data.digest[:12]}; name the folder by --data, for an external test of "
                         "what it holds now, or train again")
    return data


def _choose_own(data: PreparedData, role: Role) -> _ScoredRows:
    """The rows of one role of the data that a run was trained on."""
    rows = data.rows(role)
    step = FlowStep(label=f"in the {role} role", count=len(rows), note=(
        f"{rows['group_id'].nunique():,} groups of {data.split.group_key}"))
    return _ScoredRows(role=role, rows=rows, steps=(step,), ending=role)


def _choose_external(
    run: Path, bundle: ModelBundle, data: PreparedData, role: Role | None
) -> _ScoredRows:
    """The rows of other data that the model may be scored on."""
    chosen = select_external_rows(run, bundle, data, role)
    name = data.folder.resolve().name + (f"_{role}" if role else "")
    return _ScoredRows(role="external", rows=chosen.rows, steps=chosen.steps,
                       ending=f"external_{name}", notes=chosen.notes)


def _label_read(dropped: Mapping[str, int]) -> str:
    """What the rows have that reading left, by the reasons of those that it dropped."""
    label = "rows with an image and a usable diagnosis"
    return f"{label}, under a licence that was asked for" if REASON in dropped else label


def _context(
    data: PreparedData, steps: tuple[FlowStep, ...], *, title: str, recipe: str | None,
    digests: dict[str, str],
) -> ReportContext:
    counts = data.manifest["counts"]

    def count(key: str) -> int:
        return sum(counts[key].values())

    def reasons(*keys: str) -> str:
        found = {name: number for key in keys for name, number in counts[key].items()}
        return ", ".join(f"{name} {number:,}" for name, number in found.items())

    num_read, num_known = counts["num_rows_read"], counts["num_rows_read"]
    num_known -= count("dropped_by_source")
    num_classed = num_known - count("dropped_by_target")
    flow = (
        FlowStep(label="rows read", count=num_read),
        FlowStep(label=_label_read(counts["dropped_by_source"]), count=num_known,
                 note=reasons("dropped_by_source")),
        FlowStep(label=f"with a class of {data.target}", count=num_classed,
                 note=reasons("dropped_by_target")),
        FlowStep(label="images that decode", count=counts["num_images"],
                 note=reasons("rejected_images")),
        *steps,
    )
    has_lesions = data.split.group_key.startswith("lesion_id")
    return ReportContext(
        title=title, recipe=recipe, flow=flow, digests=digests,
        group_name="lesions" if has_lesions else "groups", licences=data.licences,
        attributions=data.attributions, software_version=lesionlab.__version__)
