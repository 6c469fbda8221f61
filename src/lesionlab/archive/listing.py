"""Which images there are: the pages of the API, kept so that none is asked for twice."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode, urljoin, urlsplit

from lesionlab.archive.client import NUM_WAITS, ArchiveClient, PassingError, RefusedError
from lesionlab.core import artifacts
from lesionlab.core.errors import ArchiveError, InputError
from lesionlab.scaling.progress import progress

PAGE_SIZE = 100
"""Images a page, as many as the API gives."""


def build_address(api: str, query: str, collections: Sequence[int]) -> str:
    """The address of the first page."""
    asked = {"query": query, "collections": ",".join(map(str, collections))}
    known = {name: value for name, value in asked.items() if value}
    path = "images/search/" if known else "images/"
    return urljoin(api, f"{path}?{urlencode(known | {'limit': PAGE_SIZE})}")


def list_pages(client: ArchiveClient, folder: Path, address: str) -> list[Path]:
    """The files of all pages, in order; those that `folder` lacks are asked for.

    Args:
        client: to ask with.
        folder: of the pages of this address and no other.
        address: of the first page.

    Raises:
        InputError: the API refuses what is asked; the message is its own.
        ArchiveError: it cannot be reached, or answers what it should not.
    """
    pages = sorted(folder.glob("page_*.json.gz"))
    url = _read_page(pages[-1])["next"] if pages else address
    total = _read_page(pages[0])["count"] if pages else 0
    with progress(total or 0, "metadata") as bar:
        bar.update(PAGE_SIZE * len(pages))
        while url:
            page = _check_page(_ask(client, url, is_first=not pages), url)
            pages.append(folder / f"page_{len(pages):06}.json.gz")
            artifacts.write_bytes(pages[-1],
                                  gzip.compress(json.dumps(page).encode(), 1, mtime=0))
            bar.total = bar.total or page["count"]
            bar.update(len(page["results"]))
            url = page["next"]
    return pages


def read_count(pages: Sequence[Path]) -> int | None:
    """How many images the Archive says there are; None where it did not say."""
    return _read_page(pages[0])["count"]


def iterate_results(pages: Sequence[Path]) -> Iterator[Any]:
    """The results of all pages, as the API gave them."""
    for path in pages:
        yield from _read_page(path)["results"]


def _read_page(path: Path) -> dict[str, Any]:
    return json.loads(gzip.decompress(path.read_bytes()))


def _ask(client: ArchiveClient, url: str, *, is_first: bool) -> Any:
    try:
        return client.repeat(lambda: client.ask(url))
    except RefusedError as error:
        problem = f"the Archive refuses {unquote_plus(url)} ({error.status}): {error.text}"
        if is_first:
            raise InputError(problem) from error
        raise ArchiveError(f"{problem}; name a new folder to list from the start") from error
    except PassingError as error:
        raise ArchiveError(f"the Archive does not answer {unquote_plus(url)}: {error} "
                           f"({1 + NUM_WAITS} times); run the same again to go on") from error


def _check_page(page: Any, url: str) -> dict[str, Any]:
    """The parts of a page that are used, each of its type, and another page after it."""
    page = page if isinstance(page, dict) else {}
    results, following, count = page.get("results"), page.get("next"), page.get("count")
    if not isinstance(results, list) or not isinstance(following, str | None):
        raise ArchiveError(f"{url} answers no page of images; --api is the root of an API like "
                           "that of the ISIC Archive")
    if following and (following == url or not results or _origin(following) != _origin(url)):
        raise ArchiveError(f"{url} names {following!r} as the next page, which is none of this "
                           "API; name another by --api")
    return {"count": count if type(count) is int else None, "next": following,
            "results": results}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
