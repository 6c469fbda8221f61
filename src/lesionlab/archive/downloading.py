"""Many files at once, each whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

from tqdm import tqdm

from lesionlab.archive.client import NUM_CONNECTIONS, ArchiveClient, PassingError, RefusedError
from lesionlab.archive.records import RemoteFile
from lesionlab.core.errors import ArchiveError
from lesionlab.scaling.progress import progress

MOST_FAILED_IN_A_ROW = 2 * NUM_CONNECTIONS
"""When so many files could not be had one after the other, the rest is not tried."""

GRACE_S = 2.0
"""How long an interrupt waits for requests under way."""

_EXPIRED = 403
"""The status of an address whose signature is too old."""

Renew = Callable[[str], RemoteFile]


def download_files(
    client: ArchiveClient, files: Iterator[tuple[str, RemoteFile]], num_files: int, folder: Path,
    *, renew: Renew,
) -> dict[str, str]:
    """Write each file as `folder/ID.jpg`; says why for each id that could not be had.

    A file has its name only when it is whole, as long as the Archive says.

    Args:
        client: to ask with.
        files: id and file, each id once.
        num_files: how many there are, for the progress bar.
        folder: that is there.
        renew: gives the file of an id anew, with an address that has not expired.
    """
    _remove_parts(folder)
    try:
        with progress(num_files, "images") as bar:
            work = _Download(client=client, files=files, folder=folder, renew=renew, bar=bar)
            _run_threads(work.run, stop=client.stop)
    finally:
        _remove_parts(folder)
    return dict(sorted(work.failures.items()))


def _remove_parts(folder: Path) -> None:
    """Remove what was left unfinished, by this run or by one that was killed."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def _run_threads(work: Callable[[], None], *, stop: Callable[[], None]) -> None:
    """Call `work` in as many threads as there are connections; an error of one is that of all.

    Not by an executor, which at an interrupt waits for connections that hang.
    """
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, such as a full disk
            errors.append(error)
            stop()

    threads = [Thread(target=run, daemon=True) for _ in range(NUM_CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stop()
        for thread in threads:
            thread.join(GRACE_S / NUM_CONNECTIONS)
        raise
    if errors:
        raise errors[0]


@dataclass(kw_only=True)
class _Download:
    """What the threads share."""

    client: ArchiveClient
    files: Iterator[tuple[str, RemoteFile]]
    folder: Path
    renew: Renew
    bar: tqdm
    failures: dict[str, str] = field(default_factory=dict)
    num_bytes: int = 0
    num_in_a_row: int = 0
    lock: Lock = field(default_factory=Lock)

    def run(self) -> None:
        """Take files until there are none."""
        while not self.client.is_stopped:
            with self.lock:
                isic_id, file = next(self.files, ("", None))
            if file is None:
                return
            if self.num_in_a_row >= MOST_FAILED_IN_A_ROW:
                self._note_failure(isic_id, f"not tried, for {MOST_FAILED_IN_A_ROW} before it "
                                            "failed one after the other", is_passing=True)
            else:
                self._try(isic_id, file)

    def _try(self, isic_id: str, file: RemoteFile) -> None:
        part = self.folder / f".{isic_id}.jpg.part"
        try:
            num_bytes = self._save(isic_id, file, part)
        except (PassingError, RefusedError, ArchiveError) as error:
            part.unlink(missing_ok=True)
            self._note_failure(isic_id, str(error), is_passing=isinstance(error, PassingError))
            return
        # Not synced to the disk, which costs more than the download: a file that a power loss
        # cut short has not the size that the next run expects.
        part.replace(self.folder / f"{isic_id}.jpg")
        with self.lock:
            self.num_in_a_row = 0
            self.num_bytes += num_bytes
            self.bar.set_postfix_str(tqdm.format_sizeof(self.num_bytes, "B"), refresh=False)
            self.bar.update()

    def _note_failure(self, isic_id: str, reason: str, *, is_passing: bool) -> None:
        with self.lock:
            self.failures[isic_id] = reason
            # An answer, even a refusal, shows that somebody is there.
            self.num_in_a_row = self.num_in_a_row + 1 if is_passing else 0
            self.bar.update()

    def _save(self, isic_id: str, file: RemoteFile, part: Path) -> int:
        """Bytes written; each repetition asks for the address and the size again."""
        known: list[RemoteFile] = [file]

        def attempt() -> int:
            asked = known.pop() if known else self.renew(isic_id)
            try:
                self.client.save(asked.url, part, asked.num_bytes)
            except RefusedError as error:
                if error.status != _EXPIRED:
                    raise
                asked = self.renew(isic_id)
                self.client.save(asked.url, part, asked.num_bytes)
            return asked.num_bytes

        return self.client.repeat(attempt)
