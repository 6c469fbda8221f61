"""Evaluation: predictions in, a report with intervals, findings and figures out; no model."""
