"""The same work in local processes and threads, on Ray, and through Ray Data, on one machine."""

from __future__ import annotations

import os
import pickle
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import ray
import ray.data

from bench_memory import anonymous_mib, list_family
from lesionlab.dataset.screening import screen_images
from lesionlab.dataset.store import ImageStore
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.decoding import DEFAULT_LIMITS
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.models.backbones import build_backbone, export_backbone
from lesionlab.recipes import image_frozen
from lesionlab.scaling.executors import Executor, LocalExecutor, open_executor
from lesionlab.training.embedding import Embedder, FeatureViews
from measuring import parse_images, report, time_in_turn

ROUNDS = 3
NUM_WORKERS = 2


class Calling:
    """An actor of Ray Data around a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"result": pickle.dumps(self.function(pickle.loads(row["task"])))}


@dataclass(frozen=True)
class RayDataExecutor:
    """What `RayExecutor` would be by Ray Data: all tasks first, then a pool of actors."""

    def map(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], *,
        keep: Callable[[Any], Any] | None = None, bundle: int = 1,
    ) -> Iterator[Any]:
        rows = [{"task": pickle.dumps(task)} for task in tasks]
        done = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // bundle)).map(
            Calling, fn_constructor_args=[function], num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=NUM_WORKERS))
        for row in done.iter_rows():
            result = pickle.loads(row["result"])
            yield result if keep is None else keep(result)


def list_descendants(pid: int) -> list[int]:
    """The process and all below it."""
    return [pid, *(deeper for child in list_family(pid)[1:] for deeper in list_descendants(child))]


class Peak:
    """The most memory, in MiB, that this process and all below it had together."""

    def __init__(self) -> None:
        self.mib = 0.0
        self._stop = Event()
        self._thread = Thread(target=self._follow)

    def _follow(self) -> None:
        while not self._stop.wait(0.1):
            now = sum(map(anonymous_mib, list_descendants(os.getpid())))
            self.mib = max(self.mib, now)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def screen(addresses: dict[str, ImageAddress], executor: Executor) -> None:
    """All that prepare does with files: check, decode, hash, thumbnail, keep."""
    folder = Path(tempfile.mkdtemp())
    screen_images(folder, addresses, size_px=256, limits=DEFAULT_LIMITS, executor=executor)
    shutil.rmtree(folder)


def make_embedding(addresses: dict[str, ImageAddress], folder: Path) -> Callable[[Executor], None]:
    """A function that computes the features of all images anew."""
    screen_images(folder, addresses, size_px=256, limits=DEFAULT_LIMITS)
    store, recipe = ImageStore(folder=folder / "images"), image_frozen()
    size_px = recipe.image.size_px
    graph = export_backbone(*build_backbone(recipe.model), size_px).graph
    views = FeatureViews(preprocessing=Preprocessing(size_px=size_px, decode_side=256), seed=0)

    def embed(executor: Executor) -> None:
        cache = Path(tempfile.mkdtemp())
        Embedder(graph=graph, key="bench", views=views, cache=cache, executor=executor).embed(
            store, list(map(str, store.ids)), 1)
        shutil.rmtree(cache)

    return embed


def run_first(work: Callable[[Executor], None], executor: Executor) -> list[str]:
    """Seconds of a run that starts its workers, and the most memory that it took."""
    with Peak() as peak:
        start = time.perf_counter()
        work(executor)
        seconds = time.perf_counter() - start
    return [f"{seconds:.1f}", f"{peak.mib:,.0f}"]


def measure(
    label: str, num_images: int, work: Callable[[Executor], None], ways: dict[str, Executor],
    first: list[str],
) -> list[list[str]]:
    """A row each: the first run, images/s of later ones, ratio to the first way, memory."""
    firsts, seconds = [first], []
    # Apart, for the actors of Ray Data take the place of Ray's workers.
    for part in ([*ways.values()][:2], [*ways.values()][2:]):
        firsts += [run_first(work, executor) for executor in part[len(firsts) % 2:]]
        works = [lambda executor=executor: work(executor) for executor in part]
        seconds += time_in_turn(works, ROUNDS)
    rates = [num_images / statistics.median(times) for times in seconds]
    return [[label, name, start, f"{rate:,.0f}", f"{rate / rates[0]:.2f}", mib]
            for name, rate, (start, mib) in zip(ways, rates, firsts, strict=True)]


def main() -> None:
    options = parse_images(1000)
    paths = sorted((options.source / "images").glob("*.jpg"))[: options.images]
    addresses = {path.stem: ImageAddress(path=path) for path in paths}
    folder = Path(tempfile.mkdtemp())
    works = {"prepare": lambda executor: screen(addresses, executor),
             "features": make_embedding(addresses, folder)}
    here: dict[str, dict[str, Executor]] = {
        "prepare": {"local processes": LocalExecutor(num_workers=NUM_WORKERS)},
        "features": {"local threads": LocalExecutor(num_workers=NUM_WORKERS, workers="threads")}}
    firsts = {label: run_first(work, *here[label].values())
              for label, work in works.items()}  # before Ray's processes are there
    start = time.perf_counter()
    with open_executor("ray", num_workers=NUM_WORKERS) as on_ray:
        assert on_ray is not None
        started = time.perf_counter() - start
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars, context.execution_options.preserve_order = False, True
        there: dict[str, Executor] = {"Ray": on_ray, "Ray Data": RayDataExecutor()}
        rows = [row for label, work in works.items()
                for row in measure(label, len(paths), work, here[label] | there, firsts[label])]
    shutil.rmtree(folder)
    report("bench_ray", f"Local workers and Ray, {len(paths):,} images of 256 px",
           ["work", "way", "first run, s", "images/s", "ratio to local", "peak memory, MiB"], rows,
           f"{NUM_WORKERS} workers each, median of {ROUNDS} rounds in turn after a first run that "
           f"starts the workers; starting Ray itself took {started:.0f} s. Memory is anonymous "
           "memory in the first run, summed over the process and all below it, Ray's own included "
           "once it runs. Results have the same bytes in every way (`tests/test_ray.py`).")


if __name__ == "__main__":
    main()
