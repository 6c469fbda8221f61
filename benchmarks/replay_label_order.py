"""The mistake of the original study, replayed on real images: labels joined by position.

Training and validation labels stand in sampling order (all benign, then all malignant), the files
in the order of their names, and the n-th label goes to the n-th file; the test labels are dealt
in the order of a shuffled table. See docs/explanation/why-joins-by-id.md.

    python benchmarks/replay_label_order.py --data build/demo-ham10000/data --out build/replay
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sklearn.metrics import roc_auc_score

import lesionlab
from lesionlab import PreparedData
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.deriving import join_by_position


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = PreparedData.load(options.data)
    wrong = join_by_position(data, options.out / "data", options.seed)
    run = lesionlab.train(wrong, lesionlab.find_recipe("image_frozen"), options.out / "run",
                          cache=options.cache)
    result = lesionlab.evaluate(run.folder, seed=options.seed)
    valid = Predictions.load(run.folder / "predictions_valid.parquet")
    test = Predictions.load(run.folder / "predictions_test.parquet")
    chosen = valid.probabilities[:, 1] >= run.bundle.threshold
    truth = data.rows("test")["target"].loc[test.frame.index] == "Malignant"
    print(json.dumps({
        "validation_accuracy_at_the_position": float((chosen == valid.target_index).mean()),
        "headline": result.report.headline,
        "test_auroc_against_the_true_labels": float(
            roc_auc_score(truth, test.probabilities[:, 1])),
        "audit": [finding.code for finding in lesionlab.audit(options.out / "data")
                  if finding.section == "issue"],
    }, indent=2))


if __name__ == "__main__":
    main()
