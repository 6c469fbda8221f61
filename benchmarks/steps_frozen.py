"""What each part of `image_frozen` and `fusion_frozen` is worth on real images.

    python benchmarks/steps_frozen.py --data build/demo-ham10000/data --out build/steps
"""

from __future__ import annotations

from pathlib import Path

import lesionlab
from measuring import parse_training, report

LINEAR = ("model.head=linear", "fit.l2=1000")
STEPS = (
    ("logistic regression, all 7 stages, 1 view", "image_frozen",
     (*LINEAR, "model.num_stages=7", "image.num_views=1")),
    ("without the last stage", "image_frozen", (*LINEAR, "image.num_views=1")),
    ("a hidden layer of 128 with dropout", "image_frozen", ("image.num_views=1",)),
    ("2 views of each training image", "image_frozen", ("image.num_views=2",)),
    ("4 views: the recipe `image_frozen`", "image_frozen", ()),
    ("average of 3 heads", "image_frozen", ("model.num_members=3",)),
    ("metadata beside the image: the recipe `fusion_frozen`", "fusion_frozen", ()),
)
"""What changes, the recipe and its settings; each step builds on those above but for the sixth."""


def score(data: lesionlab.PreparedData, out: Path, recipe: str, settings: tuple[str, ...],
          cache: Path | None) -> list[str]:
    """AUROC on the valid and on the test role, each with its interval."""
    chosen = lesionlab.find_recipe(recipe).with_settings(settings)
    run = lesionlab.train(data, chosen, out, cache=cache)
    cells = []
    for role in ("valid", "test"):
        content = lesionlab.evaluate(run.folder, role=role, data=data.folder).content
        found = next(metric for metric in content["metrics"] if metric["name"] == "auroc"
                     and metric["class"] is None and metric["subgroup"] is None)
        cells.append(f"{found['value']:.3f} ({found['ci_low']:.3f}-{found['ci_high']:.3f})")
    return cells


def main() -> None:
    options = parse_training()
    data = lesionlab.PreparedData.load(options.data)
    rows = []
    for number, (label, recipe, settings) in enumerate(STEPS):
        folder = options.out / f"{number}_{recipe}"
        shown = " ".join(f"--set {setting}" for setting in settings)
        rows.append([label, *score(data, folder, recipe, settings, options.cache),
                     f"`{recipe} {shown}`".replace(" `", "`")])
        print(rows[-1], flush=True)
    counts = data.manifest["counts"]["roles"]
    report("steps_frozen", f"Steps to the frozen recipes, {data.target}",
           ["step", "AUROC, valid", "AUROC, test", "recipe and settings"], rows,
           f"Split seed {data.manifest['settings']['seed']}; "
           + ", ".join(f"{role} {count['num_images']:,} images in {count['num_groups']:,} groups"
                       for role, count in counts.items())
           + ". 95 % intervals from 2,000 resamples of whole groups.")


if __name__ == "__main__":
    main()
