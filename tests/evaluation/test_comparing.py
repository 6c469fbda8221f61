"""Models are compared on the same images, targets and groups, or not at all."""

import dataclasses

import numpy as np
import pytest
from contending import change, make_contender, rebuild
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from synthetic import BINARY, SEVEN

from lesionlab.core.errors import InputError, PredictionsError
from lesionlab.evaluation import paired
from lesionlab.evaluation.bootstrap import draw_counts
from lesionlab.evaluation.comparing import (
    NUM_CURVE_POINTS,
    Contender,
    Facts,
    build_leaderboard,
    find_curve,
)
from lesionlab.evaluation.decision import choose_decision
from lesionlab.evaluation.leaderboard import Leaderboard
from lesionlab.evaluation.report import build_report, take_sample

BASELINE = Facts(is_baseline=True)


def read_problem(*contenders: Contender, reference: str | None = None) -> str:
    with pytest.raises(InputError) as error:
        build_leaderboard(contenders, reference=reference)
    return str(error.value)


@pytest.fixture(scope="module")
def leaderboard() -> Leaderboard:
    return build_leaderboard([
        make_contender("metadata", strength=0.4, facts=BASELINE),
        make_contender("low", strength=0.9), make_contender("high", strength=3.0),
        make_contender("by_position", strength=5.0, is_control=True)])


def test_the_best_is_first_with_the_interval_of_its_report(leaderboard: Leaderboard) -> None:
    assert leaderboard.rows["name"].tolist() == ["high", "low", "metadata", "by_position"]
    report = build_report(make_contender("high", strength=3.0).predictions)
    for name in ("auroc", "average_precision", "balanced_accuracy", "accuracy", "brier"):
        row, told = leaderboard.records[0], report.metric(name)
        found = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert found == pytest.approx(list(told[["value", "ci_low", "ci_high"]]), abs=1e-6)


def test_a_control_is_apart_and_never_best(leaderboard: Leaderboard) -> None:
    assert leaderboard.rows["auroc"].iloc[-1] == leaderboard.rows["auroc"].max()
    assert leaderboard.best == "high"
    assert "by_position" not in set(leaderboard.differences[["name", "other"]].to_numpy().ravel())
    assert {"by_position"} < leaderboard.curves.keys() == leaderboard.confusions.keys()


def test_a_control_may_have_rows_and_targets_of_its_own() -> None:
    control = make_contender("control", num_rows=30, is_control=True)
    found = build_leaderboard([make_contender("a"), control])
    assert found.rows["n_images"].tolist() == [60, 30]
    assert (found.n_images, found.best) == (60, "a")


def test_the_reference_is_the_best_baseline(leaderboard: Leaderboard) -> None:
    assert leaderboard.reference == "metadata"
    weak, strong = (make_contender(name, strength=strength, facts=BASELINE)
                    for name, strength in (("weak", 0.1), ("strong", 0.8)))
    rival = make_contender("rival", strength=2.0)
    assert build_leaderboard([weak, rival, strong]).reference == "strong"
    assert build_leaderboard([weak, rival, strong], reference="weak").reference == "weak"
    assert build_leaderboard([rival]).reference is None


def test_differences_agree_with_a_hand_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "count_resamples", lambda _: 100)
    low, metadata = make_contender("low", strength=0.9), make_contender("metadata", strength=0.4)
    leaderboard = build_leaderboard([low, metadata, make_contender("high", strength=3.0)],
                                    reference="metadata")
    one, other = low.predictions, metadata.predictions
    is_positive, groups = one.target_index == 1, one.group_index
    counts = np.concatenate([*draw_counts(groups.max() + 1, leaderboard.num_resamples, 0, 500)])
    weights = counts[:, groups]
    for metric, score in (("auroc", roc_auc_score), ("average_precision",
                                                     average_precision_score)):
        draws = np.array([
            score(is_positive, one.probabilities[:, 1], sample_weight=weight)
            - score(is_positive, other.probabilities[:, 1], sample_weight=weight)
            for weight in weights])
        row = leaderboard.difference("low", "reference", metric)
        assert row is not None
        ends = np.quantile(draws, [0.025, 0.975])
        rarer = min((draws <= 0).sum(), (draws >= 0).sum())
        assert [row["low"], row["high"], row["p"]] == pytest.approx(
            [*ends, 2 * (1 + rarer) / (len(draws) + 1)], abs=1e-6)
        assert row["difference"] == pytest.approx(
            score(is_positive, one.probabilities[:, 1])
            - score(is_positive, other.probabilities[:, 1]))


def test_models_that_predict_the_same_do_not_differ() -> None:
    found = build_leaderboard([make_contender("a"), make_contender("b")])
    columns = ["difference", "low", "high", "p", "p_corrected", "is_significant"]
    assert found.differences[columns].to_numpy().tolist() == [[0.0, 0.0, 0.0, 1.0, 1.0, False]] * 2
    assert found.best == "a"


def test_only_differences_beyond_chance_are_significant() -> None:
    found = build_leaderboard([
        make_contender("strong", strength=3.0, num_rows=300),
        make_contender("near", strength=2.95, num_rows=300),
        make_contender("weak", strength=0.3, num_rows=300)])
    table = found.differences[found.differences["metric"] == "auroc"].set_index("name")
    assert table["is_significant"].to_dict() == {"near": False, "weak": True}


@settings(max_examples=8)
@given(st.permutations(range(4)))
def test_the_order_of_the_models_changes_nothing(order: list[int]) -> None:
    contenders = [make_contender("a", strength=0.5), make_contender("b", strength=0.5),
                  make_contender("c", facts=BASELINE),
                  make_contender("d", is_control=True, published="AUC 0.49", said=("less",))]
    found = build_leaderboard([contenders[k] for k in order])
    assert found.digest == build_leaderboard(contenders).digest


def test_an_undefined_auroc_is_last_and_compared_with_nothing() -> None:
    frame = make_contender("a").predictions.frame
    only = {str(key): "benign" for key in frame.index}
    found = build_leaderboard([change(make_contender(name), target=only) for name in "ab"])
    assert (found.best, len(found.differences), found.num_tests) == (None, 0, 0)
    assert found.records[0]["accuracy"] > 0
    assert np.isnan(found.curves["a"]).all()


def test_images_without_a_target_are_left_out() -> None:
    some = {"ISIC_0000000": None, "ISIC_0000001": None}
    found = build_leaderboard([change(make_contender(name), target=some) for name in "ab"])
    assert found.n_images == 58
    with pytest.raises(PredictionsError) as error:
        build_leaderboard([change(make_contender("a"), target=dict.fromkeys(
            make_contender("a").predictions.frame.index))])
    assert str(error.value) == ("none of the 60 images of role 'test' has a target; "
                                "a report needs the truth")


def test_the_curve_of_many_classes_is_the_mean_of_each() -> None:
    predictions = make_contender("a", classes=SEVEN, num_rows=400).predictions
    sample = take_sample(predictions, choose_decision(SEVEN, {}, {}))
    area = np.trapezoid(find_curve(sample), np.linspace(0, 1, NUM_CURVE_POINTS))
    found = build_leaderboard([make_contender("a", classes=SEVEN, num_rows=400)])
    assert area == pytest.approx(found.records[0]["auroc"], abs=0.005)


def test_decisions_are_counted_at_the_threshold() -> None:
    high, never = (
        build_leaderboard([make_contender("a", decision=choose_decision(
            BINARY, {BINARY[-1]: {"max_youden": threshold}}, {}))])
        for threshold in (0.9, 1.0))
    assert high.confusions["a"].sum() == 60
    assert never.confusions["a"][:, 1].tolist() == [0, 0]
    assert high.confusions["a"][:, 1].sum() > 0


def test_names_are_unique_and_the_reference_is_among_them() -> None:
    a, b = make_contender("a"), make_contender("b")
    assert read_problem(a, b, a) == "more than one model is called a; give each a name of its own"
    assert read_problem(a, b, reference="c") == (
        "no model to compare with is called 'c'; there are a, b")
    control = make_contender("c", is_control=True)
    assert read_problem(a, control, reference="c") == (
        "no model to compare with is called 'c'; there are a")
    assert read_problem(control) == "a leaderboard needs a model that is no control"


def test_other_images_are_refused() -> None:
    a, b = make_contender("a"), make_contender("b")
    frame = b.predictions.frame.reset_index()
    frame.loc[0, "isic_id"] = "x"
    b = dataclasses.replace(b, predictions=rebuild(frame, b.predictions))
    assert read_problem(b, a) == ("a and b were scored on different images: 2 ids differ, "
                                  "ISIC_0000000, x")


def test_other_targets_are_refused() -> None:
    a = make_contender("a")
    row = a.predictions.frame["target"].iloc[5]
    swapped = {"ISIC_0000004": None,
               "ISIC_0000005": "benign" if row == "malignant" else "malignant"}
    assert read_problem(a, change(make_contender("b"), target=swapped)) == (
        "a and b were scored against different targets: those of 2 ids differ, "
        "ISIC_0000004, ISIC_0000005")


def test_other_groups_are_refused() -> None:
    b = change(make_contender("b"), group_id={"ISIC_0000003": "alone"})
    assert read_problem(make_contender("a"), b) == (
        "a and b were scored in different groups: those of 1 ids differ, ISIC_0000003")


def test_other_kinds_are_refused() -> None:
    a = make_contender("a")
    assert read_problem(a, make_contender("b", target="isic2018")) == (
        "a and b are of different targets: malignancy and isic2018; compare those of one kind")
    assert read_problem(a, make_contender("b", classes=("malignant", "benign"))) == (
        "a and b are of different classes: benign, malignant and malignant, benign; "
        "compare those of one kind")
    valid = dataclasses.replace(a.predictions, role="valid")
    assert read_problem(a, make_contender("b", predictions=valid)) == (
        "a and b are of different roles: test and valid; compare those of one kind")
