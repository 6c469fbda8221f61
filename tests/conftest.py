"""Real images, where they lie beside the repository, and how every test runs."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"

# No window is ever opened, nor by a test's child process.
os.environ["MPLBACKEND"] = "Agg"

# The same examples each time where a failure would block others; new ones on a desk.
settings.register_profile(
    "lesionlab", deadline=None, max_examples=50, derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lesionlab")


def find_real_data(name: str) -> Path:
    folder = REAL_DATA / name
    if not (folder / "metadata.csv").is_file():
        pytest.skip(f"the real images ../shared/data/{name} are not on this machine")
    return folder


@pytest.fixture(scope="session")
def ham10000() -> Path:
    """10,015 images of HAM10000, in the ISIC client's layout."""
    return find_real_data("ham10000")


@pytest.fixture(scope="session")
def acral() -> Path:
    """1,019 acral lesions of five institutions, in the ISIC client's layout."""
    return find_real_data("acral")
