"""What a report holds, and what it is told about the run behind the predictions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from lesionlab.core import artifacts, displays
from lesionlab.core.errors import InputError
from lesionlab.core.findings import Finding
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.ledger import Looks
from lesionlab.evaluation.decision import Decision
from lesionlab.evaluation.terms import METRICS
from lesionlab.pages.figures import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """One step of the way from files to the images of the report."""

    label: str
    count: int
    note: str = ""
    """Reasons and their counts, where images were lost."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a simpler model reached on the same images."""

    name: str
    auroc: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """What is known of the run besides its predictions; all of it may be left out."""

    title: str = "Evaluation of predictions"
    recipe: str | None = None
    group_name: str = "groups"
    """What a group is, plural, for instance `lesions`."""
    flow: tuple[FlowStep, ...] = ()
    """From images read to images of this role."""
    baselines: tuple[Baseline, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    """Images by licence."""
    attributions: dict[str, int] = field(default_factory=dict)
    """Images by who must be named."""
    software_version: str | None = None

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ReportContext:
        """Read what `dataclasses.asdict` gave."""
        # Reports of before the ledger held a number of looks here, never known.
        known = {name: item for name, item in value.items() if name != "num_looks"}
        return cls(**known | {
            "flow": tuple(FlowStep(**step) for step in value["flow"]),
            "baselines": tuple(Baseline(**baseline) for baseline in value["baselines"])})


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that an evaluation found; a value, written by `save_report`."""

    context: ReportContext
    role: str
    classes: tuple[str, ...]
    n_images: int
    n_groups: int
    num_unlabelled: int
    """Images without a target, left out."""
    prevalence: dict[str, float]
    decision: Decision
    metrics: pd.DataFrame
    """Columns `name`, `class`, `subgroup`, `value`, `ci_low`, `ci_high`, `n_images`, `n_groups`,
    `n_positive`, `num_resamples_used`; class and subgroup are None for all."""
    operating_points: pd.DataFrame
    """See `lesionlab.evaluation.operating_point.score_thresholds`."""
    subgroups: pd.DataFrame
    """See `lesionlab.evaluation.subgroups.compare_subgroups`."""
    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    num_resamples: int
    seed: int
    predictions_digest: str
    looks: Looks | None = None
    """How often the images were scored, this time included; None where that is not counted."""

    @property
    def positive_class(self) -> str | None:
        """The last of two classes; None where there are more."""
        return self.classes[-1] if len(self.classes) == 2 else None

    def figure(self, name: str) -> Figure:
        """The figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)

    def metric(
        self, name: str, class_name: str | None = None, subgroup: str | None = None,
    ) -> pd.Series:
        """The row of one metric; over classes and all images unless said otherwise."""
        table = self.metrics
        is_class = table["class"].isna() if class_name is None else table["class"] == class_name
        is_part = table["subgroup"].isna() if subgroup is None else table["subgroup"] == subgroup
        return table[(table["name"] == name) & is_class & is_part].iloc[0]

    @property
    def headline(self) -> str:
        """The one line to quote: `AUROC 0.87 (0.84-0.90), 1,204 images, 611 lesions`."""
        row = self.metric("auroc")
        name = "AUROC" if self.positive_class else "Macro AUROC"
        interval = f"{row['value']:.2f} ({row['ci_low']:.2f}-{row['ci_high']:.2f})"
        interval = "not defined" if math.isnan(row["value"]) else interval
        groups = f"{self.n_groups:,} {self.context.group_name}"
        return f"{name} {interval}, {self.n_images:,} images, {groups}"

    def _repr_html_(self) -> str:
        is_whole = self.metrics["class"].isna() & self.metrics["subgroup"].isna()
        found = self.metrics[is_whole].set_index("name")[["value", "ci_low", "ci_high"]]
        rows = [(METRICS[name].label, value, f"{low:.3f} to {high:.3f}" if low == low else None)
                for name, (value, low, high) in zip(found.index, found.to_numpy(float),
                                                    strict=True)]
        told = [(finding.section, finding.code, finding.explanation) for finding in self.findings
                if finding.section in ("issue", "tip")]
        return displays.show_value(
            self.context.title, {self.headline: "", "role": self.role},
            displays.show_table("Metrics", ("metric", "value", "95 % interval"), rows),
            displays.show_table("Findings", ("section", "code", "what was found"), told,
                                num_left=3))

    def to_dict(self) -> dict[str, Any]:
        """The report as the JSON object of report.json; undefined numbers are null."""
        return clean({
            "schema_version": SCHEMA_VERSION, "role": self.role, "n_images": self.n_images,
            "n_groups": self.n_groups, "prevalence": self.prevalence,
            "metrics": self.metrics.to_dict("records"),
            "findings": [finding.to_dict() for finding in self.findings],
            "headline": self.headline, "classes": list(self.classes),
            "positive_class": self.positive_class, "num_unlabelled": self.num_unlabelled,
            "decision": asdict(self.decision),
            "operating_points": self.operating_points.to_dict("records"),
            "subgroups": self.subgroups.to_dict("records"),
            "confusion": self.figure("confusion").table.to_dict("records"),
            "curves": {figure.name: figure.table.to_dict("list") for figure in self.figures
                       if figure.name != "confusion"},
            "figures": {figure.name: {"title": figure.title, "description": figure.description,
                                      "reading": figure.reading} for figure in self.figures},
            "bootstrap": {"num_resamples": self.num_resamples, "seed": self.seed,
                          "unit": "group", "interval": "95 % percentile"},
            "looks": asdict(self.looks) if self.looks else None,
            "context": asdict(self.context), "predictions_digest": self.predictions_digest,
            "notice": RESEARCH_USE})

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of report.json."""
        return artifacts.digest_json(self.to_dict())

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Report:
        """Read what `to_dict` gave.

        Raises:
            InputError: a report of another format.
        """
        if value.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"report of format {value.get('schema_version')}; this version reads "
                             f"{SCHEMA_VERSION}: evaluate again")
        tables = value["curves"] | {"confusion": value["confusion"]}
        return cls(
            context=ReportContext.from_dict(value["context"]), role=value["role"],
            classes=tuple(value["classes"]), n_images=value["n_images"],
            n_groups=value["n_groups"], num_unlabelled=value["num_unlabelled"],
            prevalence=value["prevalence"], decision=Decision.from_dict(value["decision"]),
            metrics=_read_table(value["metrics"]),
            operating_points=_read_table(value["operating_points"]),
            subgroups=_read_table(value["subgroups"]),
            findings=tuple(map(Finding.from_dict, value["findings"])),
            figures=tuple(Figure(name=name, table=_read_table(tables[name]), **texts)
                          for name, texts in value["figures"].items()),
            num_resamples=value["bootstrap"]["num_resamples"], seed=value["bootstrap"]["seed"],
            predictions_digest=value["predictions_digest"],
            looks=Looks(**value["looks"]) if value.get("looks") else None)


def _read_table(value: list[dict[str, Any]] | dict[str, list[Any]]) -> pd.DataFrame:
    """The table of records or of columns; a number that is null becomes NaN again."""
    table = pd.DataFrame(value, dtype=object)
    return table.apply(_read_column)


def _read_column(values: pd.Series) -> pd.Series:
    """Floats and null as floats; whole numbers beside null stay whole, as they were written."""
    kinds = set(map(type, values.dropna()))
    if kinds <= {float} or (kinds == {float, int}):
        return values.astype(float)
    return values if values.isna().any() else values.infer_objects()


def clean(value: Any) -> Any:
    """`value` as plain JSON types: numpy scalars become Python's, NaN and infinity None.

    >>> clean({"auroc": float("nan"), "n": 3})
    {'auroc': None, 'n': 3}
    """
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if value is None or value is pd.NA or isinstance(value, (str, bool)):
        return None if value is pd.NA else value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
