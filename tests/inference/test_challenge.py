"""A submission to a challenge has its columns, in its order, from a model of its question."""

from pathlib import Path

import pandas as pd
import pytest

from lesionlab.core.errors import InputError
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.challenge import find_columns, list_submission

CLASSES = ["NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF"]
OFFICIAL = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def make_bundle(target: str) -> ModelBundle:
    return ModelBundle(folder=Path("bundle"), manifest={"target": target, "classes": CLASSES})


def make_table(ids: list[str], errors: list[str | None]) -> pd.DataFrame:
    shares = {f"p_{name}": [k / 100] * len(ids) for k, name in enumerate(CLASSES)}
    return pd.DataFrame({"isic_id": ids, **shares, "error": pd.Series(errors, dtype="string")})


def test_columns_are_in_the_order_of_the_challenge() -> None:
    columns = find_columns("isic2018", make_bundle("isic2018"))
    table = list_submission(make_table(["ISIC_1", "ISIC_2"], [None, None]), columns)
    assert tuple(table) == ("image", *OFFICIAL)
    assert table.iloc[1].tolist() == ["ISIC_2", 0.01, 0.0, 0.03, 0.04, 0.02, 0.06, 0.05]


def test_images_with_an_error_are_left_out() -> None:
    table = list_submission(make_table(["ISIC_1", "ISIC_2"], ["empty: x", None]), OFFICIAL)
    assert table["image"].tolist() == ["ISIC_2"]


def test_an_image_twice_is_refused() -> None:
    with pytest.raises(InputError) as error:
        list_submission(make_table(["a", "b", "a"], [None] * 3), OFFICIAL)
    assert str(error.value) == ("a challenge takes one row an image, and 1 ids belong to several "
                                "files: a; name each image once")


@pytest.mark.parametrize(("challenge", "target", "message"), [
    ("isic2017", "isic2018", "--challenge isic2017: choose isic2018"),
    ("isic2018", "malignancy",
     ("--challenge isic2018: the bundle predicts malignancy; train one on data of: lesionlab "
      "prepare SOURCE --out DATA --target isic2018")),
])
def test_a_model_of_another_question_is_refused(challenge: str, target: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        find_columns(challenge, make_bundle(target))
    assert str(error.value) == message
