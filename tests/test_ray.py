"""On a Ray cluster comes out what comes out here, whatever is lost on the way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import SMALL_NETWORK, SMALL_SETTINGS, TrainSmall
from lesionlab.core.errors import DecodeError, ExecutorError
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.ledger import LEDGER_FILE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict
from lesionlab.recipes import find_recipe
from lesionlab.scaling import clusters
from lesionlab.scaling.executors import Executor, open_executor
from lesionlab.training import embedding, launching
from lesionlab.training.features import open_backbone
from lesionlab.training.fit import train
from lesionlab.training.launching import train_on_ray
from lesionlab.training.run import TrainedRun

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = [
    pytest.mark.slow, pytest.mark.enable_socket,
    # Of the ends of Ray's own processes and pipes, which it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    # Of Ray Data's own defaults, which Ray Train loads.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without processors and two nodes of one, each with processes of its own."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False,
                                              "object_store_memory": 100 << 20})
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=100 << 20)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[Executor]:
    with open_executor("ray", address=cluster.address) as opened:
        assert opened is not None
        # Workers have the package, not its tests.
        ray.cloudpickle.register_pickle_by_value(__import__(__name__))
        yield opened


@dataclass(frozen=True)
class Noting:
    """A function that leaves a file for each call, and kills its worker on its second one."""

    function: Callable[[Any], Any]
    folder: Path
    kills: bool = True

    def __call__(self, task: Any) -> Any:
        (self.folder / f"call-{uuid.uuid4().hex}").touch()
        if self.kills and len(list(self.folder.glob("call-*"))) > 1:
            try:
                (self.folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                return self.function(task)
            os.kill(os.getpid(), signal.SIGKILL)
        return self.function(task)

    def count_calls(self) -> int:
        return len(list(self.folder.glob("call-*")))


@dataclass(frozen=True)
class KillingExecutor:
    """One whose tasks lose a worker in the middle."""

    executor: Executor
    folder: Path

    def map(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], **how: Any
    ) -> Iterator[Any]:
        self.folder.mkdir()
        noting = Noting(function, self.folder)
        yield from self.executor.map(noting, tasks, **how)
        assert (self.folder / "killed").exists()


def square(number: int) -> int:
    return number * number


def sleep_and_square(number: int) -> int:
    time.sleep(0.2)
    return number * number


def refuse(number: int) -> int:
    if number == 3:
        raise DecodeError("truncated", "the third is broken")
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def read_files(folder: Path) -> dict[str, bytes]:
    """What prepare wrote; looks at the test images of a shared folder are no part of it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file() and path.name != LEDGER_FILE}


@pytest.mark.parametrize("bundle", [1, 6])
def test_results_come_in_order_and_are_kept_here(executor: Executor, bundle: int) -> None:
    kept = list(executor.map(lambda number: (square(number), os.getpid()), iter(range(20)),
                             keep=lambda result: (*result, os.getpid()), bundle=bundle))
    assert [number for number, _, _ in kept] == [number**2 for number in range(20)]
    assert {here for _, _, here in kept} == {os.getpid()}
    assert os.getpid() not in {there for _, there, _ in kept}


def test_no_task_gives_no_result(executor: Executor) -> None:
    assert list(executor.map(square, [])) == []


def test_an_error_keeps_its_reason(executor: Executor) -> None:
    with pytest.raises(DecodeError) as error:
        list(executor.map(refuse, range(8)))
    assert (error.value.reason, str(error.value)) == ("truncated", "the third is broken")


def test_a_killed_worker_costs_its_tasks_alone(executor: Executor, tmp_path: Path) -> None:
    function = Noting(square, tmp_path)
    assert list(executor.map(function, range(12))) == [number**2 for number in range(12)]
    assert function.count_calls() == 13


def test_a_lost_node_costs_its_tasks_alone(
    executor: Executor, cluster: Any, tmp_path: Path
) -> None:
    function = Noting(sleep_and_square, tmp_path, kills=False)
    results = executor.map(function, range(16))
    found = [next(results), next(results)]
    cluster.remove_node(list(cluster.worker_nodes)[-1], allow_graceful=False)
    found += results
    cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    assert found == [number**2 for number in range(16)]
    assert 16 <= function.count_calls() <= 16 + 4  # two a processor are under way at a time


def test_a_task_that_kills_every_worker_is_given_up(executor: Executor) -> None:
    with pytest.raises(ExecutorError) as error:
        list(executor.map(die, range(2)))
    told = str(error.value)
    assert told.startswith("a task was lost 4 times with its worker (WorkerCrashedError: ")
    assert told.endswith("); look into Ray's logs, then run the same command to go on")


def test_a_node_of_another_version_is_refused(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters.lesionlab, "__version__", "0.0.1")
    with pytest.raises(ExecutorError, match=r"^the Ray node \S+ has lesionlab \S+, this machine "
                       r"0\.0\.1; install the same on all, or results differ$"):
        list(executor.map(square, range(2)))


def test_prepare_writes_the_same_bytes(
    executor: Executor, phantom_folder: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    prepare([phantom_folder], tmp_path / "data", settings=PrepareSettings(size_px=64),
            executor=KillingExecutor(executor, tmp_path / "calls"))
    assert read_files(tmp_path / "data") == read_files(prepared.folder)


def test_frozen_features_are_the_same_bytes(
    executor: Executor, prepared: PreparedData, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding, "SHARD_BATCHES", 8)
    monkeypatch.setattr(embedding, "BUNDLE_BATCHES", 3)
    recipe = find_recipe("image_frozen").with_settings(SMALL_SETTINGS["image_frozen"])
    _, _, embedder = open_backbone(recipe, prepared, cache)
    assert embedder is not None
    here = replace(embedder, cache=tmp_path / "here")
    there = replace(embedder, cache=tmp_path / "there",
                    executor=KillingExecutor(executor, tmp_path / "calls"))
    ids = list(map(str, prepared.store.ids[:60]))
    np.testing.assert_array_equal(there.embed(prepared.store, ids, 2),
                                  here.embed(prepared.store, ids, 2))
    assert read_files(tmp_path / "there") == read_files(tmp_path / "here")


def test_predictions_are_the_same(
    executor: Executor, train_small: TrainSmall, phantom_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no picture")
    paths = [folder, *sorted((phantom_folder / "images").iterdir())[:70]]
    bundle = ModelBundle.load(train_small("image_frozen"))
    metadata = phantom_folder / "metadata.csv"
    here = predict(bundle, paths, metadata=metadata)
    there = predict(bundle, paths, metadata=metadata,
                    executor=KillingExecutor(executor, tmp_path / "calls"))
    assert there.table.to_csv() == here.table.to_csv()
    assert (there.notes, there.num_errors) == (here.notes, 1)


def test_two_workers_learn_what_one_learns(
    cluster: Any, executor: Executor, prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    recipe = find_recipe("image_metadata_cnn").with_settings(
        [*SMALL_NETWORK, "fit.max_epochs=2", "fit.batch_size=16"])
    alone = train(prepared, recipe, tmp_path / "alone", cache=cache)
    both = train_on_ray(prepared.folder, recipe, tmp_path / "both", num_workers=2, cache=cache)
    assert both.summary["computed"]["num_processes"] == 2
    assert both.summary["num_epochs"] == alone.summary["num_epochs"]
    weights = [load_file(run.folder / "bundle" / "weights.safetensors") for run in (alone, both)]
    for key, value in weights[0].items():
        np.testing.assert_allclose(weights[1][key], value, atol=2e-4, err_msg=key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "both"]


def test_a_head_is_fitted_to_features_of_the_cluster(
    cluster: Any, executor: Executor, prepared: PreparedData, train_small: TrainSmall,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = find_recipe("image_frozen").with_settings(SMALL_SETTINGS["image_frozen"])
    here = TrainedRun.load(train_small("image_frozen"))
    monkeypatch.setattr(embedding.LocalExecutor, "map", None)  # all features come from Ray
    with monkeypatch.context() as patch:
        patch.setattr(launching, "train", lambda *_, **__: None)
        train_on_ray(prepared.folder, recipe, tmp_path / "run", cache=tmp_path / "cache")
    monkeypatch.undo()
    monkeypatch.setattr(embedding.Embedder, "_compute", None)
    there = train(prepared, recipe, tmp_path / "run", cache=tmp_path / "cache")
    assert there.bundle.digest == here.bundle.digest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists what processes were given")
def test_a_command_starts_a_cluster_and_leaves_no_process(
    phantom_folder: Path, prepared: PreparedData, tmp_path: Path
) -> None:
    mark = f"LESIONLAB_MARK={uuid.uuid4().hex}"
    name, value = mark.split("=")
    done = subprocess.run(
        [sys.executable, "-m", "lesionlab.cli.main", "prepare", str(phantom_folder), "--out",
         str(tmp_path / "data"), "--size", "64", "--executor", "ray", "--workers", "2", "--json"],
        capture_output=True, text=True, check=False, env=os.environ | {name: value})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == prepared.manifest["counts"]
    assert read_files(tmp_path / "data") == read_files(prepared.folder)
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_text())
    assert left == []
