"""fetch() against a bare httpx2 loop of the same concurrency, from a server on this machine."""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from lesionlab.archive.client import NUM_CONNECTIONS
from lesionlab.archive.fetch_settings import FetchSettings
from lesionlab.archive.fetching import STATE, FetchedCohort, fetch
from measuring import ROOT, report, time_in_turn

GOAL = 0.9
ROUNDS = 5


@contextmanager
def serve(count: int) -> Iterator[str]:
    """The address of an API with so many images of 10 to 20 KB, in a process of its own."""
    command = [sys.executable, str(ROOT / "tests" / "archive" / "stand_in.py"),
               "--images", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def list_barely(client: httpx2.Client, api: str) -> dict[str, str]:
    """The address of each thumbnail, page after page."""
    addresses, url = {}, f"{api}images/?limit=100"
    while url:
        page = client.get(url).json()
        addresses |= {result["isic_id"]: result["files"]["thumbnail_256"]["url"]
                      for result in page["results"]}
        url = page["next"]
    return addresses


def save_barely(client: httpx2.Client, addresses: dict[str, str], folder: Path) -> None:
    """Each file to the disk: no check, no repetition, no temporary name, no progress."""
    def save(item: tuple[str, str]) -> None:
        (folder / f"{item[0]}.jpg").write_bytes(client.get(item[1]).content)

    with ThreadPoolExecutor(NUM_CONNECTIONS) as pool:
        list(pool.map(save, addresses.items()))


def run_barely(api: str, scratch: Path, addresses: dict[str, str] | None = None) -> None:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    limits = httpx2.Limits(max_connections=NUM_CONNECTIONS)
    with httpx2.Client(limits=limits) as client:
        save_barely(client, addresses or list_barely(client, api), folder)
    shutil.rmtree(folder)


def run_fetch(api: str, scratch: Path, listing: Path | None = None) -> FetchedCohort:
    """A whole fetch, or one that finds its listing."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    if listing is not None:
        shutil.copytree(listing, folder / STATE)
    done = fetch(folder, settings=FetchSettings(api=api))
    assert done.num_downloaded == done.num_listed and not done.failures
    shutil.rmtree(folder)
    return done


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=20_000)
    count = parser.parse_args().images
    logging.disable()
    scratch = Path(tempfile.mkdtemp())
    with serve(count) as api:
        listing = scratch / "listed" / STATE
        done = fetch(listing.parent, settings=FetchSettings(api=api))
        with httpx2.Client() as client:
            addresses = list_barely(client, api)
        seconds = time_in_turn(
            [lambda: run_barely(api, scratch, addresses),
             lambda: run_fetch(api, scratch, listing),
             lambda: run_barely(api, scratch), lambda: run_fetch(api, scratch)], ROUNDS)
    shutil.rmtree(scratch)
    rates = [count / statistics.median(times) for times in seconds]
    ratios = [statistics.median(bare / ours for bare, ours in zip(*pair, strict=True))
              for pair in (seconds[:2], seconds[2:])]
    rows = [[label, f"{rates[2 * k]:,.0f}", f"{rates[2 * k + 1]:,.0f}", f"{ratios[k]:.2f}"]
            for k, label in enumerate(("files, the listing at hand", "listing and files"))]
    report("bench_fetch", f"fetch of {count:,} thumbnails against a bare httpx2 loop, images/s",
           ["what", "bare loop", "fetch", "ratio"], rows,
           f"Median of {ROUNDS} rounds in turn, {NUM_CONNECTIONS} connections each, the server in "
           "a process of its own on the same machine. The bare loop asks and writes; fetch also "
           "checks each answer and each size, writes under a temporary name, keeps the pages, "
           "selects, and writes the tables, all of which is in its time (goal: "
           f"{GOAL}). Thumbnails: {done.num_bytes / 1e6:,.0f} MB, "
           f"{done.num_bytes / done.num_bytes_full:.1%} of what the files in full size would be "
           "by the sizes that the server gives (40 times as large each).")


if __name__ == "__main__":
    main()
