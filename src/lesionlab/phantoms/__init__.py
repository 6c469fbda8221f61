"""Synthetic lesions with known truth and planted faults."""
