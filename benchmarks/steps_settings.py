"""What each setting of the fine-tuned recipe is worth, in pairs on the same test images.

    python benchmarks/steps_settings.py --data DATA --out build/steps_settings

The base is `fusion_concat` made small enough to be trained ten times over: 96 px, a part of the
training images, few epochs. Each row changes one thing of it. A quarter of an hour on two cores.
"""

from __future__ import annotations

from dataclasses import replace

import lesionlab
from lesionlab import PreparedData
from lesionlab.evaluation.comparing import build_leaderboard
from lesionlab.evaluation.decision import choose_decision
from lesionlab.evaluation.leaderboard_files import save_leaderboards
from lesionlab.inference.comparing import read_contender
from measuring import parse_training

BASE = "base"
SMALL = ("image.size_px=96", "sample.train_images=2000", "fit.max_epochs=4", "image.num_views=4")
STEPS = {
    BASE: (),
    "128 px": ("image.size_px=128",),
    "plain views alone": ("image.num_views=1",),
    "light views": ("image.augmentation=light",),
    "no mixup": ("fit.mixup=0",),
    "no moving average": ("fit.ema_decay=0",),
    "no class weights": ("fit.class_weight_power=0",),
    "focal loss": ("fit.loss=focal", "fit.class_weight_power=0"),
    "one test view": ("image.num_test_views=1",),
    "no metadata": ("metadata.columns=",),
}
"""What each row sets; the settings of SMALL come first."""


def main() -> None:
    options = parse_training()
    data = PreparedData.load(options.data)
    contenders = []
    for place, (name, settings) in enumerate(STEPS.items()):
        recipe = lesionlab.find_recipe("fusion_concat").with_settings([*SMALL, *settings])
        run = lesionlab.train(data, recipe, options.out / f"step_{place}", cache=options.cache)
        print(name, lesionlab.evaluate(run.folder).report.headline, flush=True)
        said = " ".join(settings) or " ".join(SMALL)
        contenders.append(replace(read_contender(run.folder, name=name), said=(said,)))
    plain = choose_decision(data.classes, {}, {})
    contenders.append(replace(contenders[0], name="most probable class decides", decision=plain))
    board = build_leaderboard(contenders, reference=BASE)
    save_leaderboards([board], options.out / "leaderboard")
    print(*board.lines, sep="\n")


if __name__ == "__main__":
    main()
