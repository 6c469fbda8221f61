"""The progress bar of every command."""

from __future__ import annotations

import sys

from tqdm import tqdm


def progress(total: int, label: str, unit: str = "images") -> tqdm:
    """A progress bar on stderr that appears after two seconds, on a terminal or in a notebook."""
    is_hidden = not (sys.stderr.isatty() or _is_notebook())
    return tqdm(total=total, desc=label, unit=f" {unit}", delay=2, disable=is_hidden, leave=False)


def _is_notebook() -> bool:
    """Whether this process is the kernel of a notebook, not one that merely has the libraries."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
