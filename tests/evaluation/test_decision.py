"""How a class is decided from probabilities."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.evaluation.decision import Decision, choose_decision, weigh_classes

CLASSES = ("NV", "MEL", "DF")
COUNTS = {"NV": 800, "MEL": 200, "DF": 8}


def test_of_two_classes_the_threshold_decides_and_weights_mean_nothing() -> None:
    weights = weigh_classes({"Benign": 90, "Malignant": 10}, 1.0)
    decision = choose_decision(
        ("Benign", "Malignant"), {"Malignant": {"max_youden": 0.3}}, weights)
    assert decision.decide(np.array([[0.7, 0.3], [0.71, 0.29]])).tolist() == [1, 0]
    assert (decision.threshold, decision.class_weights) == (0.3, ())


def test_of_more_classes_the_highest_probability_decides() -> None:
    decision = choose_decision(CLASSES, {}, weigh_classes(COUNTS, 0.0))
    assert decision.decide(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])).tolist() == [0, 2]
    assert decision.text == "An image is decided as the class of its highest probability."


def test_weights_bring_rare_classes_forward() -> None:
    decision = choose_decision(CLASSES, {}, weigh_classes(COUNTS, 0.5))
    assert decision.class_weights == pytest.approx((1, 2, 10))
    probabilities = np.array([[0.6, 0.35, 0.05], [0.6, 0.2, 0.2], [0.97, 0.02, 0.01]])
    assert decision.decide(probabilities).tolist() == [1, 2, 0]
    assert decision.text == (
        "An image is decided as the class whose probability is highest after it is multiplied by "
        "the weight that the recipe gives to rare classes: NV 1.00, MEL 2.00, DF 10.00.")


def test_a_class_without_an_image_has_a_finite_weight() -> None:
    assert weigh_classes({"NV": 8, "DF": 0}, 0.5) == {"NV": 1.0, "DF": 4.0}


def test_an_image_with_an_error_has_some_class_and_no_warning() -> None:
    decision = choose_decision(CLASSES, {}, weigh_classes(COUNTS, 0.5))
    assert decision.decide(np.full((1, 3), np.nan)).shape == (1,)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_decision_survives_a_file(power: float, cut: float) -> None:
    for decision in (choose_decision(CLASSES, {}, weigh_classes(COUNTS, power)),
                     choose_decision(("a", "b"), {"b": {"max_youden": cut}}, {})):
        assert Decision.from_dict(asdict(decision)) == decision
        old = {name: value for name, value in asdict(decision).items() if name != "class_weights"}
        assert Decision.from_dict(old).class_weights == ()
