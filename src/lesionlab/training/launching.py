"""Training on a Ray cluster: a network on several workers, frozen features on all of it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from lesionlab.core.errors import ExecutorError, LesionLabError, MissingExtraError
from lesionlab.core.recipe import Recipe
from lesionlab.core.remote import as_path, is_remote, refuse_url
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.scaling.clusters import RayExecutor, connect_to_ray
from lesionlab.training.embedding import default_cache
from lesionlab.training.features import open_backbone
from lesionlab.training.fit import MOST_CACHE_BYTES, train
from lesionlab.training.run import TrainedRun
from lesionlab.training.sampling import sample_rows


def train_on_ray(
    folder: Path, recipe: Recipe, out: Path, *, num_workers: int | None = None,
    address: str | None = None, cache: Path | None = None,
    most_cache_bytes: int = MOST_CACHE_BYTES,
) -> TrainedRun:
    """Train a recipe as `train` does, on a Ray cluster.

    Of a recipe on frozen features the features are computed on all processors and the head is
    fitted here. A network is trained by `num_workers` processes that share each batch, a GPU each
    where there are GPUs, else a processor. They write to `out` and `cache` themselves, so that
    both lie on a disk that all machines share. Run again, it goes on from the last checkpoint.

    Args:
        folder: prepared folder, on a disk that all machines share or behind a URL.
        recipe: what to train.
        out: folder to write.
        num_workers: of a network, by default all that the cluster has.
        address: of the cluster; by default one is started here, for this training alone.
        cache: folder of what is computed once; by default the user's cache.
        most_cache_bytes: most that the output of frozen stages may take there.

    Raises:
        LesionLabError: what `train` raises.
        MissingExtraError: Ray is not installed.
        ExecutorError: no cluster answers at `address`, or it lost a worker.
    """
    refuse_url(out)
    folder, cache = as_path(folder), (cache or default_cache()).resolve()
    data = PreparedData.load(folder)
    if out.exists():  # a finished run, or something else: no worker is needed to say which
        return train(data, recipe, out)
    with connect_to_ray(address, None if address else num_workers):
        if recipe.model.tuning != "network":
            _compute_features(data, recipe, cache)
            return train(data, recipe, out, cache=cache, most_cache_bytes=most_cache_bytes)
        _run_workers({
            "folder": str(folder if is_remote(folder) else folder.resolve()),
            "recipe": recipe.to_dict(), "out": str(out.resolve()), "cache": str(cache),
            "most_cache_bytes": most_cache_bytes}, out.resolve(), num_workers)
    if not out.exists():
        raise ExecutorError(f"the first worker wrote {out} on the disk of its own machine; name a "
                            "folder on a disk that all machines share")
    return TrainedRun.load(out)


def _compute_features(data: PreparedData, recipe: Recipe, cache: Path) -> None:
    """Fill the cache with the features that `train` will look for."""
    embedder = open_backbone(recipe, data, cache)[2]
    if embedder is None:
        return
    on_cluster = replace(embedder, executor=RayExecutor())
    all_views: dict[Role, int] = {"train": recipe.image.num_views, "valid": 1}
    for role, num_views in all_views.items():
        rows = sample_rows(data, recipe, role).rows
        on_cluster.find(data.store, [*map(str, rows.index)], num_views)


def _run_workers(arguments: dict[str, Any], out: Path, num_workers: int | None) -> None:
    """Have each worker of Ray Train run the same training; Ray tells them of each other."""
    import ray

    try:
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchTrainer
    except ImportError as error:
        raise MissingExtraError(f"training on Ray needs the extra 'ray' ({error}); "
                                "pip install 'lesionlab[ray]'") from error
    resources = ray.cluster_resources()
    kind = "GPU" if resources.get("GPU") else "CPU"
    out.parent.mkdir(parents=True, exist_ok=True)
    notes = tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.ray.")
    trainer = TorchTrainer(
        _train_here, train_loop_config=arguments, run_config=RunConfig(storage_path=notes),
        scaling_config=ScalingConfig(num_workers=num_workers or int(resources[kind]),
                                     use_gpu=kind == "GPU"))
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise _find_cause(error) from error
    finally:
        shutil.rmtree(notes, ignore_errors=True)


def _train_here(arguments: dict[str, Any]) -> None:
    """What a worker runs; as under torchrun, the first of them writes."""
    train(PreparedData.load(as_path(arguments["folder"])), Recipe.from_dict(arguments["recipe"]),
          Path(arguments["out"]), cache=Path(arguments["cache"]),
          most_cache_bytes=arguments["most_cache_bytes"])


def _find_cause(error: Exception) -> LesionLabError:
    """What `train` raised in a worker, else that a worker was lost."""
    failures = getattr(error, "worker_failures", {}).values()
    ours = [cause for failure in failures
            if isinstance(cause := getattr(failure, "cause", failure), LesionLabError)]
    lost = ExecutorError(f"a worker of the training was lost ({str(error).splitlines()[-1]}); run "
                         "the same command to go on from the last checkpoint")
    return [*ours, lost][0]
