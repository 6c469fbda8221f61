"""Checks of prepared data: what would make the numbers a lie."""
