"""Real images, where they lie beside the repository, and how every test runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.phantoms.making import phantom

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"

# Tests are small: a second thread costs more than it saves, and results do not depend on it.
os.environ["OMP_NUM_THREADS"] = "1"
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


SMALL_NETWORK = [
    "image.size_px=32", "fit.max_epochs=1", "model.weights=random", "fit.precision=float32"]
"""What makes a network quick: small pictures, no weights to read, no trial."""

SMALL_SETTINGS = {
    "metadata_mlp": ["fit.max_epochs=12"],
    "image_frozen": ["image.size_px=64", "image.num_views=2", "fit.max_epochs=3"],
    "fusion_frozen": ["image.size_px=64", "image.num_views=2", "fit.max_epochs=3"],
}
"""What makes a recipe quick on the small phantom."""
STUDY_SETTINGS = [*SMALL_NETWORK, "fit.frozen_epochs=1"]
SMALL_SETTINGS |= {
    "stack_boosting": ["image.size_px=64", "image.num_views=2"],
    "image_cnn": SMALL_NETWORK, "image_metadata_cnn": SMALL_NETWORK,
    "finetuned": [*SMALL_NETWORK, "image.num_views=2", "image.num_test_views=2"],
    "fusion_concat": [*SMALL_NETWORK, "image.num_views=2", "image.num_test_views=2"],
    "fusion_metablock": [*SMALL_NETWORK, "image.num_views=2", "image.num_test_views=1"],
    "mobilenetv2_5000_aug_frozen": SMALL_NETWORK, "multiclass_frozen": SMALL_NETWORK,
} | dict.fromkeys(
    ("mobilenetv2_5000", "mobilenetv2_10000", "mobilenetv2_5000_unbalanced_valid",
     "mobilenetv2_5000_unbalanced", "mobilenetv2_5000_aug", "resnet50_5000",
     "mobilenetv2_5000_metadata", "multiclass_finetuned"), STUDY_SETTINGS)


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 synthetic patients, their images of 96 x 72 pixels."""
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    phantom(folder, patients=60, image_size=(96, 72))
    return folder


@pytest.fixture(scope="session")
def prepared(phantom_folder: Path) -> PreparedData:
    """The small phantom, prepared for `malignancy`; do not change it."""
    return prepare([phantom_folder], phantom_folder.parent / "data",
                   settings=PrepareSettings(size_px=64), num_workers=1)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the backbone is exported once a session, and features are kept; do not change it."""
    return tmp_path_factory.mktemp("cache")


TrainSmall = Callable[..., Path]


@pytest.fixture(scope="session")
def train_small(
    prepared: PreparedData, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainSmall:
    """Trains a recipe, with more settings after its name, on the small phantom.

    Gives the run's folder, the same one for the same arguments; do not change it.
    """
    from lesionlab.recipes import find_recipe
    from lesionlab.training.fit import train

    runs = tmp_path_factory.mktemp("runs")

    def run(name: str, *settings: str) -> Path:
        recipe = find_recipe(name).with_settings([*SMALL_SETTINGS.get(name, []), *settings])
        return train(prepared, recipe, runs / f"{name}_{recipe.digest[:8]}", cache=cache).folder

    return run
