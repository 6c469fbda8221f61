"""The command: what it prints, how it ends, and what is left when it is stopped or killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Serve, serving
from stand_in import StandIn, draw_file, make_images

from lesionlab.archive import fetching
from lesionlab.archive.client import NUM_WAITS
from lesionlab.cli.main import main

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


class Done:
    """What a command left behind."""

    def __init__(self, code: object, captured: pytest.CaptureResult[str]) -> None:
        self.code, self.out, self.err = code, captured.out, captured.err


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with serving(monkeypatch) as start:
        yield start


@pytest.fixture
def run_fetch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["lesionlab", "fetch", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return Done(stop.value.code, capsys.readouterr())

    return run


def start(server: StandIn, folder: Path) -> subprocess.Popen[str]:
    """The command in a process of its own, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "lesionlab.cli.main", "fetch", str(folder), "--api", server.api],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_whole(folder: Path) -> set[str]:
    """The ids whose file is there under its name, each of them whole."""
    files = list((folder / "images").glob("[!.]*"))
    assert all(path.read_bytes() == draw_file(path.stem, "thumbnail_256") for path in files)
    return {path.stem for path in files}


def count_growth(server: StandIn, before: dict[str, int]) -> set[str]:
    return {name for name, count in server.asked.items() if count > before.get(name, 0)}


def test_the_command_says_what_it_did_and_what_is_next(
    run_fetch, serve: Serve, tmp_path: Path
) -> None:
    out = tmp_path / "cohort"
    done = run_fetch(out, "--api", serve(make_images(60)).api, "--where", "sex=male",
                     "--collection", 1, "--collection", 2, "--per-class", 20, "--seed", 3)
    assert done.code == 0
    lines = done.out.splitlines()
    assert ", of 60 that the Archive has; " in lines[0]
    assert [line.split(":")[0] for line in lines[2:4]] == ["classes", "licences"]
    assert lines[-1] == f"wrote {out}; next: lesionlab prepare {out} --out DATA"
    assert "note: " in done.err and " are free" in done.err


def test_the_result_is_json_on_request(run_fetch, serve: Serve, tmp_path: Path) -> None:
    done = run_fetch(tmp_path / "cohort", "--api", serve(make_images(5)).api, "--json")
    values = json.loads(done.out)
    assert (done.code, values["num_downloaded"], values["failures"]) == (0, 5, {})


def test_every_image_that_failed_is_listed_and_the_command_fails(
    run_fetch, serve: Serve, tmp_path: Path
) -> None:
    server, out = serve(make_images(8)), tmp_path / "cohort"
    server.faults["ISIC_0000002"] = ["503"] * (NUM_WAITS + 1)
    server.faults["ISIC_0000005"] = ["404"]
    done = run_fetch(out, "--api", server.api)
    assert done.code == 1
    assert done.out.splitlines()[-3:] == [
        "failed ISIC_0000002: 503 fault 503", "failed ISIC_0000005: 404 fault 404",
        f"wrote {out}; 2 images are missing; run the same again to try them"]
    again = run_fetch(out, "--api", server.api)
    assert (again.code, "failed ISIC" in again.out) == (0, False)


def test_a_query_that_is_none_is_the_users_error(run_fetch, serve: Serve, tmp_path: Path) -> None:
    server = serve(make_images(3))
    done = run_fetch(tmp_path / "cohort", "--api", server.api, "--query", "sex:[")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: the Archive refuses {server.api}images/search/?query=sex:[&limit=100 (400): "
        '{"message": "Couldn\'t parse search query."}\n')


def test_yes_confirms_a_large_download(
    run_fetch, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_UNASKED_BYTES", 1000)
    server = serve(make_images(3))
    asked = run_fetch(tmp_path / "cohort", "--api", server.api)
    assert asked.code == 2 and "say --yes" in asked.err
    assert run_fetch(tmp_path / "cohort", "--api", server.api, "--yes").code == 0


@pytest.mark.slow
def test_after_a_kill_only_what_is_missing_is_downloaded(
    run_fetch, serve: Serve, tmp_path: Path
) -> None:
    server, out = serve(make_images(300)), tmp_path / "cohort"
    server.held_after = 100
    with start(server, out) as process:
        server.wait_until_held()
        process.kill()
    there = check_whole(out)
    assert 50 <= len(there) <= 100
    assert not (out / "metadata.csv").exists()
    server.held_after, before = None, dict(server.asked)
    assert run_fetch(out, "--api", server.api).code == 0
    assert count_growth(server, before) == {
        f"thumbnail_256 {isic_id}" for isic_id in server.images.keys() - there}
    assert check_whole(out) == set(server.images)
    assert not list((out / "images").glob(".*"))


@pytest.mark.slow
def test_an_interrupt_ends_it_at_once_without_a_trace_of_what_was_begun(
    serve: Serve, tmp_path: Path
) -> None:
    server, out = serve(make_images(300)), tmp_path / "cohort"
    server.held_after = 100
    with start(server, out) as process:
        server.wait_until_held()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "stopped; run the same command again to go on"
    assert "Traceback" not in err
    assert 50 <= len(check_whole(out)) <= 100
    assert not list((out / "images").glob(".*"))
