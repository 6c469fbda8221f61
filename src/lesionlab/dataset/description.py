"""Prepared data in a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping

from lesionlab.core.licences import explain_licences
from lesionlab.dataset.prepared import PreparedData


def describe(data: PreparedData) -> list[str]:
    """What was read, left out, grouped and split, a line each."""
    counts = data.manifest["counts"]
    lines = [f"{counts['num_rows_read']:,} rows read from " + ", ".join(
        f"{source['name']} ({source['layout']})" for source in data.manifest["sources"])]
    for label, key in (("rows dropped", "dropped_by_source"),
                       ("images without a class", "dropped_by_target"),
                       ("image files rejected", "rejected_images"),
                       ("values set to missing or mapped", "adjusted_values")):
        if counts[key]:
            lines.append(f"{label}: {_list_counts(counts[key])}")
    if counts["files_without_row"]:
        lines.append(f"image files without a row: {counts['files_without_row']:,}")
    copies = counts["duplicate_pairs"]
    lines.append(f"{counts['num_images']:,} images in {counts['num_groups']:,} groups "
                 f"({data.split.group_key}; copies: {copies['exact']} exact, "
                 f"{copies['near']} near)")
    if num_pairs := counts["duplicate_pairs_of_two_patients"]:
        lines.append(f"pairs of copies that two patients share, put in one group: {num_pairs:,}")
    for role, count in counts["roles"].items():
        lines.append(f"  {role:5} {count['num_images']:7,} images {count['num_groups']:7,} groups  "
                     + _list_counts(count["classes"]))
    lines.append(f"licences: {_list_counts(data.licences)}")
    meaning = explain_licences(data.licences)
    return [*lines, meaning] if meaning else lines


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
