"""Requests are repeated where that may help, and nothing that comes back is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest

from lesionlab.archive import client as module
from lesionlab.archive.client import NUM_WAITS, ArchiveClient, PassingError, RefusedError
from lesionlab.core.errors import ArchiveError

URL = "http://archive.test/images/"


class Script:
    """A transport that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause, which takes no time."""
    made: list[float] = []
    monkeypatch.setattr(ArchiveClient, "_pause", lambda _, seconds: made.append(seconds))
    return made


def make_client(*answers: httpx2.Response | Exception) -> tuple[ArchiveClient, Script]:
    script = Script(*answers)
    return ArchiveClient(httpx2.MockTransport(script)), script


def answer(status: int = 200, text: str = "{}", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, text=text, headers={
        name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("fault", [
    answer(429), answer(500), answer(502), answer(503), answer(504), answer(408),
    answer(text="<html>"), answer(text="[" * 100_000), httpx2.ConnectError("refused"),
    httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("cut off"), httpx2.ReadError("")])
def test_what_may_pass_is_tried_again(
    fault: httpx2.Response | Exception, pauses: list[float]
) -> None:
    client, script = make_client(fault, fault, answer(text='{"count": 3}'))
    assert client.repeat(lambda: client.ask(URL)) == {"count": 3}
    assert (len(script.asked), len(pauses)) == (3, 2)


def test_each_pause_is_longer_than_the_one_before(pauses: list[float]) -> None:
    client, script = make_client(answer(500, "out of order"))
    with pytest.raises(PassingError, match=r"^500 out of order$"):
        client.repeat(lambda: client.ask(URL))
    assert len(script.asked) == NUM_WAITS + 1
    assert pauses == sorted(pauses)
    assert 0.75 <= pauses[0] <= 1.25 and 12 <= pauses[-1] <= 20


@pytest.mark.parametrize("is_date", [False, True])
def test_the_server_says_how_long_to_wait(
    is_date: bool, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAIT_S", 4000.0)
    text = format_datetime(datetime.now(UTC) + timedelta(hours=1)) if is_date else "40"
    client, _ = make_client(answer(429, Retry_After=text), answer())
    client.repeat(lambda: client.ask(URL))
    assert 3000 < pauses[0] <= 3600 if is_date else pauses == [40.0]


@pytest.mark.parametrize("text", ["soon", "-5", "1.5", "", "0", "Tue, 01 Jan 2019 00:00:00 GMT"])
def test_another_retry_after_leaves_the_own_pause(text: str, pauses: list[float]) -> None:
    client, _ = make_client(answer(429, Retry_After=text), answer())
    client.repeat(lambda: client.ask(URL))
    assert 0.75 <= pauses[0] <= 1.25


def test_a_server_that_asks_for_an_hour_is_left_alone(pauses: list[float]) -> None:
    client, script = make_client(answer(429, "too many requests", Retry_After="3600"))
    with pytest.raises(PassingError, match=r"^429 too many requests$"):
        client.repeat(lambda: client.ask(URL))
    assert (len(script.asked), pauses) == (1, [])


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 422])
def test_a_refusal_is_not_tried_again_and_is_shown_as_written(
    status: int, pauses: list[float]
) -> None:
    client, script = make_client(answer(status, '{"message": "no \u00fc"}'))
    with pytest.raises(RefusedError) as caught:
        client.repeat(lambda: client.ask(URL))
    assert (caught.value.status, caught.value.text) == (status, '{"message": "no \u00fc"}')
    assert len(script.asked) == 1


def test_a_long_refusal_is_cut() -> None:
    client, _ = make_client(answer(400, "x" * 100_000))
    with pytest.raises(RefusedError) as caught:
        client.ask(URL)
    assert caught.value.text == "x" * 2000


def test_after_a_stop_nothing_is_tried_again() -> None:
    client, script = make_client(answer(500))
    client.stop()
    with pytest.raises(PassingError):
        client.repeat(lambda: client.ask(URL))
    assert len(script.asked) == 1


def test_a_timeout_says_how_long_it_waited() -> None:
    client, _ = make_client(httpx2.ReadTimeout(""))
    with pytest.raises(PassingError, match=r"^no answer within 30 s$"):
        client.ask(URL)


def test_an_address_that_is_none_is_said_to_be_none() -> None:
    client, _ = make_client(answer())
    with pytest.raises(ArchiveError, match=r"^'http://host:port/' is no address: "):
        client.ask("http://host:port/")


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ANSWER_BYTES", 1000)
    client, _ = make_client(answer(text="x" * 1001))
    with pytest.raises(ArchiveError) as caught:
        client.ask(URL)
    assert str(caught.value) == (f"{URL} answers more than 1,000 bytes; this is no API of the ISIC "
                                 "Archive")


def test_no_file_is_compressed_on_the_way() -> None:
    client, script = make_client(answer())
    client.ask(URL)
    assert script.asked[0].headers["Accept-Encoding"] == "identity"
    assert script.asked[0].headers["User-Agent"].startswith("lesionlab/")


class Endless(httpx2.SyncByteStream):
    """A body without end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 1000


@pytest.mark.parametrize(("make_body", "said"), [
    (lambda: httpx2.ByteStream(b"x" * 9999), "9,999 bytes"),
    (lambda: httpx2.ByteStream(b"x" * 10_001), "10,001 bytes or more"),
    (lambda: httpx2.ByteStream(b""), "0 bytes"),
    (Endless, "11,000 bytes or more"),
])
def test_a_file_of_another_size_is_refused(
    make_body: Callable[[], httpx2.SyncByteStream], said: str, tmp_path: Path
) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=make_body()))
    with pytest.raises(PassingError) as caught:
        ArchiveClient(transport).save(URL, tmp_path / "part", 10_000)
    assert str(caught.value) == f"the file has {said}, the Archive says 10,000"
    assert (tmp_path / "part").stat().st_size <= 10_000


def test_a_redirected_file_is_followed(tmp_path: Path) -> None:
    def serve(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "files.test":
            return httpx2.Response(200, stream=httpx2.ByteStream(b"abc"))
        return httpx2.Response(302, headers={"Location": "http://files.test/a.jpg"})

    ArchiveClient(httpx2.MockTransport(serve)).save(URL, tmp_path / "part", 3)
    assert (tmp_path / "part").read_bytes() == b"abc"


def test_a_redirect_to_something_else_than_http_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("abc")
    client, _ = make_client(answer(302, Location=(tmp_path / "secret").as_uri()))
    with pytest.raises(PassingError):
        client.save(URL, tmp_path / "part", 3)
    assert not (tmp_path / "part").exists()


def test_a_stop_while_the_last_bytes_come_leaves_no_file_cut_short(tmp_path: Path) -> None:
    def serve(_: httpx2.Request) -> httpx2.Response:
        client.stop()
        return httpx2.Response(200, stream=httpx2.ByteStream(b"abc"))

    client = ArchiveClient(httpx2.MockTransport(serve))
    client.save(URL, tmp_path / "part", 3)
    assert (tmp_path / "part").read_bytes() == b"abc"
