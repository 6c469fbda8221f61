"""A server on this machine that plays the ISIC Archive, with every fault that a network has."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import sys
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = "/api/v2/"
FAULTS = ("429", "500", "hang", "broken", "truncated", "expired", "wrong_size")
"""What may happen to a file; to a page all but the last two."""
QUERY_FAULT = json.dumps({"message": "Couldn't parse search query."})
DIAGNOSES = {
    "Benign": ("Benign melanocytic proliferations", "Nevus"),
    "Malignant": ("Malignant melanocytic proliferations (Melanoma)", "Melanoma, NOS"),
    "Indeterminate": ("Indeterminate epidermal proliferations", "Solar or actinic keratosis"),
}

_FULL_FACTOR = 40
_TERM = re.compile(r'(\w+):(?:"([^"]*)"|\[(\d+) TO (\d+)\]|([^\s"\[\]]+))')


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image as the Archive has it."""

    isic_id: str
    metadata: dict[str, dict[str, Any]]
    licence: str = "CC-0"
    attribution: str = "Anonymous"
    collections: tuple[int, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    """Content by size; drawn from the id where there is none."""

    def read(self, size: str) -> bytes:
        return self.files.get(size) or draw_file(self.isic_id, size)

    def count_bytes(self, size: str) -> int:
        return len(self.files[size]) if size in self.files else _draw_length(self.isic_id, size)


def draw_file(isic_id: str, size: str) -> bytes:
    """10 to 20 KB that are this image's own, 40 times as many in full."""
    digest = hashlib.sha256(f"{isic_id} {size}".encode()).digest()
    length = _draw_length(isic_id, size)
    return (digest * (length // len(digest) + 1))[:length]


def _draw_length(isic_id: str, size: str) -> int:
    number = int(hashlib.sha256(isic_id.encode()).hexdigest(), 16)
    return (10_000 + number % 10_000) * (_FULL_FACTOR if size == "full" else 1)


def make_images(count: int, *, seed: int = 0) -> list[StoredImage]:
    """Images of patients with one to five each, three classes, three licences."""
    rng = random.Random(seed)
    images: list[StoredImage] = []
    while len(images) < count:
        patient = f"IP_{rng.randrange(10**7):07d}"
        name = rng.choices(list(DIAGNOSES), (70, 20, 10))[0]
        for lesion in range(rng.randint(1, 5)):
            images.append(_make_image(len(images), patient, lesion, name, rng))
    return images[:count]


def _make_image(
    number: int, patient: str, lesion: int, diagnosis: str, rng: random.Random
) -> StoredImage:
    below, finest = DIAGNOSES[diagnosis]
    clinical = {
        "age_approx": rng.choice((20, 35, 50, 65, None)), "sex": rng.choice(("male", "female")),
        "diagnosis_1": diagnosis, "diagnosis_2": below, "diagnosis_3": finest,
        "concomitant_biopsy": rng.random() < 0.5, "patient_id": patient,
        "lesion_id": f"IL_{patient[3:]}{lesion}"}
    acquisition = {"pixels_x": 600, "pixels_y": 450, "image_type": rng.choice(
        ("dermoscopic", "dermoscopic", "clinical: close-up"))}
    return StoredImage(
        isic_id=f"ISIC_{number:07d}", licence=rng.choice(("CC-0", "CC-BY", "CC-BY-NC")),
        attribution=rng.choice(("Hospital A", "Hospital B, Dermatology")),
        collections=(1 + number % 2,), metadata={"acquisition": acquisition, "clinical": clinical})


class BrokenConnectionError(Exception):
    """The answer ends here, and the connection with it."""


class StandIn:
    """The server; a `with` block starts it in a thread of its own.

    `asked` counts the requests by target: `page`, `record ID`, `thumbnail_256 ID`, `full ID`.
    """

    def __init__(self, images: Iterable[StoredImage], *, page_size: int = 100) -> None:
        self.images = {image.isic_id: image for image in images}
        self.page_size = page_size
        self.faults: dict[str, list[str]] = defaultdict(list)
        """What happens to the next requests for an id, or for `page`, one after the other."""
        self.asked: dict[str, int] = defaultdict(int)
        self.held_after: int | None = None
        """Files after which no more is sent, until the server ends."""
        self.is_held = asyncio.Event()
        self.port = 0
        self._token = 0
        self._least_token: dict[str, int] = defaultdict(int)
        self._num_sent = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}{ROOT}"

    def plant(self, share: float, kinds: tuple[str, ...] = FAULTS, *, seed: int = 0) -> int:
        """Have so many of the files fail once, in turn by each kind; gives how many."""
        rng = random.Random(seed)
        ids = rng.sample(sorted(self.images), round(share * len(self.images)))
        for number, isic_id in enumerate(ids):
            self.faults[isic_id].append(kinds[number % len(kinds)])
        return len(ids)

    def expire(self) -> None:
        """Make all addresses that were given out so far too old."""
        self._least_token = defaultdict(lambda token=self._token + 1: token)

    def count_files(self) -> int:
        """Files asked for, whatever came of it."""
        return sum(count for name, count in self.asked.items()
                   if name.startswith(("thumbnail_256 ", "full ")))

    def __enter__(self) -> Self:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._server = server
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_until_held(self) -> None:
        asyncio.run_coroutine_threadsafe(self.is_held.wait(), self._loop).result()

    async def _stop(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.split(b" ", 2)[1].decode(), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError,
                BrokenConnectionError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/files/"):
            await self._send_file(parts.path, asked, writer)
        elif found := re.fullmatch(rf"{ROOT}images/(ISIC_\d+)/", parts.path):
            self.asked[f"record {found[1]}"] += 1
            is_known = found[1] in self.images
            content = self._describe(self.images[found[1]]) if is_known else {"detail": "Not found"}
            _send(writer, 200 if is_known else 404, json.dumps(content).encode())
        elif parts.path in (f"{ROOT}images/", f"{ROOT}images/search/"):
            self.asked["page"] += 1
            status, content = self._list(parts.path, asked)
            await self._send(writer, "page", status, content)
        else:
            _send(writer, 404, b'{"detail": "Not Found"}')

    async def _send_file(
        self, path: str, asked: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        _, _, size, name = path.split("/")
        image = self.images[name.removesuffix(".jpg")]
        self.asked[f"{size} {image.isic_id}"] += 1
        if self.faults[image.isic_id][:1] == ["expired"]:
            self.faults[image.isic_id].pop(0)
            self._least_token[image.isic_id] = self._token + 1
        if int(asked["token"]) < self._least_token[image.isic_id]:
            _send(writer, 403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        if self.held_after is not None and self._num_sent >= self.held_after:
            self.is_held.set()
            await asyncio.Event().wait()
        self._num_sent += 1
        await self._send(writer, image.isic_id, 200, image.read(size))

    async def _send(
        self, writer: asyncio.StreamWriter, target: str, status: int, content: bytes
    ) -> None:
        """The answer, or the fault that is planned for it."""
        fault = self.faults[target].pop(0) if self.faults.get(target) else ""
        if fault == "hang":
            await asyncio.Event().wait()
        elif fault in ("429", "500", "503", "404", "400"):
            _send(writer, int(fault), f"fault {fault}".encode(), "Retry-After: 0\r\n")
        elif fault == "broken":
            raise BrokenConnectionError
        elif fault == "truncated":
            _send(writer, status, content[: len(content) // 2], length=len(content))
            await writer.drain()
            writer.close()
            raise BrokenConnectionError
        elif fault == "no_json":
            _send(writer, 200, b"<html>sign in first</html>")
        else:
            _send(writer, status, content[:-7] if fault == "wrong_size" else content)

    def _describe(self, image: StoredImage) -> dict[str, Any]:
        """A result, its files signed anew."""
        self._token += 1
        files = {size: {"url": f"http://127.0.0.1:{self.port}/files/{size}/{image.isic_id}.jpg?"
                               f"token={self._token}",
                        "size": image.count_bytes(size)} for size in ("full", "thumbnail_256")}
        return {"isic_id": image.isic_id, "public": True, "copyright_license": image.licence,
                "attribution": image.attribution, "files": files, "metadata": image.metadata}

    def _list(self, path: str, asked: dict[str, str]) -> tuple[int, bytes]:
        try:
            matches = parse_query(asked.get("query", ""))
        except ValueError:
            return 400, QUERY_FAULT.encode()
        wanted = {int(number) for number in asked.get("collections", "").split(",") if number}
        found = [image for image in self.images.values()
                 if matches(image) and (not wanted or wanted & set(image.collections))]
        start = int(b64decode(asked.get("cursor", "MA==")))
        end = start + min(self.page_size, int(asked.get("limit", 100)))
        following = asked | {"cursor": b64encode(str(end).encode()).decode()}
        page = {"count": len(found) if start == 0 else None, "previous": None,
                "next": (f"http://127.0.0.1:{self.port}{path}?{urlencode(following)}"
                         if end < len(found) else None),
                "results": [self._describe(image) for image in found[start:end]]}
        return 200, json.dumps(page).encode()


def parse_query(query: str) -> Any:
    """Whether an image fits a query of terms joined by AND; ValueError for anything else."""
    terms = [_TERM.fullmatch(term.strip()) for term in query.split(" AND ")] if query else []
    if not all(terms):
        raise ValueError(query)

    def matches(image: StoredImage) -> bool:
        row = {name: value for section in image.metadata.values()
               for name, value in section.items()}
        for term in terms:
            name, quoted, low, high, plain = term.groups()
            value = row.get(name)
            if low is not None:
                fits = value is not None and int(low) <= value <= int(high)
            else:
                fits = str(value) == (quoted if quoted is not None else plain)
            if not fits:
                return False
        return True

    return matches


def _send(
    writer: asyncio.StreamWriter, status: int, content: bytes, headers: str = "", *,
    length: int | None = None,
) -> None:
    head = (f"HTTP/1.1 {status} -\r\nContent-Length: {len(content) if length is None else length}"
            f"\r\n{headers}\r\n")
    writer.write(head.encode() + content)


def main() -> None:
    """Serve so many images in this process, the address on stdout, until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    with StandIn(make_images(parser.parse_args().images)) as server:
        sys.stdout.write(f"{server.api}\n")
        sys.stdout.flush()
        server._thread.join()


if __name__ == "__main__":
    main()
