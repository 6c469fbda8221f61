"""What timm downloads, against a server on this machine that answers as the hub does."""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import timm
import torch
from huggingface_hub import close_session, constants
from safetensors.torch import save

from lesionlab.core.errors import WeightsError
from lesionlab.models.weights import digest_state, load_weights

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NAME = "mobilenetv2_100"
FILE = "/timm/mobilenetv2_100.ra_in1k/resolve/main/model.safetensors"
CHOICES = ("choose model.weights=package (for tf_efficientnet_lite0, tf_efficientnet_lite1, "
           "tf_efficientnet_lite2), file:PATH (.safetensors or .pth), hub (downloaded by timm) or "
           "random (untrained, by the seed)")


def make_network(num_classes: int, *, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(NAME, num_classes=num_classes)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """What the hub keeps: random weights."""
    return make_network(1000, seed=1).state_dict()


class Hub(ThreadingHTTPServer):
    """One file, with the headers that huggingface_hub wants; all else is not found."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content = b""
        self.num_promised: int | None = None
        """Bytes that the header promises, where they are not those that are sent."""
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.send_head()

    def do_GET(self) -> None:
        if self.send_head():
            self.wfile.write(self.server.content)

    def send_head(self) -> bool:
        self.server.asked.append(f"{self.command} {self.path}")
        is_known = self.path == FILE and bool(self.server.content)
        content = self.server.content
        self.send_response(200 if is_known else 404)
        if is_known:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
        num_bytes = (self.server.num_promised or len(content)) if is_known else 0
        self.send_header("Content-Length", str(num_bytes))
        self.end_headers()
        return is_known

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in, which huggingface_hub takes for the hub, with an empty cache."""
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                            server.address + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(time, "sleep", lambda _: None)  # between tries, 46 s in all
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        close_session()
        server.shutdown()
        thread.join()


def read_problem() -> str:
    with pytest.raises(WeightsError) as error:
        load_weights(NAME, "hub", make_network(1000, seed=2).state_dict())
    return str(error.value)


@pytest.mark.parametrize(("num_classes", "origin"), [
    (1000, f"hub {NAME}"), (2, f"hub {NAME} without its classifier")])
def test_the_hub_gives_weights_with_their_licence(
    num_classes: int, origin: str, hub: Hub, state: dict[str, torch.Tensor]
) -> None:
    hub.content = save(state)
    network = make_network(num_classes, seed=2)
    found = load_weights(NAME, "hub", network.state_dict())
    network.load_state_dict(found.state)
    assert (found.origin, found.licence) == (origin, "apache-2.0")
    taken = {key: value for key, value in state.items()
             if num_classes == 1000 or not key.startswith("classifier.")}
    assert found.digest == digest_state(taken)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in taken.items())
    assert [line for line in hub.asked if "/resolve/" in line] == [f"HEAD {FILE}", f"GET {FILE}"]


def test_what_was_downloaded_is_found_again_when_the_hub_is_gone(
    hub: Hub, state: dict[str, torch.Tensor]
) -> None:
    hub.content = save(state)
    expected = make_network(1000, seed=2).state_dict()
    first = load_weights(NAME, "hub", expected)
    hub.content = b""
    assert load_weights(NAME, "hub", expected).digest == first.digest


def answer_not_found(hub: Hub, content: bytes) -> str:
    return ("could not be downloaded (Client error '404 Not Found' for url "
            f"'{hub.address}{FILE.replace('model.safetensors', 'pytorch_model.bin')}')")


def break_off(hub: Hub, content: bytes) -> str:
    hub.content, hub.num_promised = content[:5000], len(content)
    return ("could not be downloaded (peer closed connection without sending complete message body "
            f"(received 5000 bytes, expected {len(content)}))")


def close(hub: Hub, content: bytes) -> str:
    hub.shutdown()
    hub.server_close()
    refused = errno.ECONNREFUSED
    return f"could not be downloaded ([Errno {refused}] {os.strerror(refused)})"


@pytest.mark.parametrize("fail", [answer_not_found, break_off, close])
def test_a_download_that_fails_says_why_and_the_choices(
    fail: Callable[[Hub, bytes], str], hub: Hub, state: dict[str, torch.Tensor]
) -> None:
    problem = fail(hub, save(state))
    assert read_problem() == f"the weights of {NAME} {problem}; {CHOICES}"


def test_a_truncated_file_is_said_to_be_damaged(hub: Hub, state: dict[str, torch.Tensor]) -> None:
    hub.content = save(state)[:5000]
    assert read_problem() == (
        f"the download of the weights of {NAME} is damaged (Error while deserializing header: "
        f"invalid header length); remove it from timm's cache and try again, or {CHOICES}")


def test_no_other_source_asks_the_hub(hub: Hub) -> None:
    load_weights(NAME, "random", make_network(0, seed=1).state_dict())
    with pytest.raises(WeightsError):
        load_weights(NAME, "package", {})
    assert hub.asked == []


def test_a_network_that_timm_does_not_know_is_named() -> None:
    with pytest.raises(WeightsError) as error:
        load_weights("image_cnn", "hub", {})
    assert str(error.value) == ("the weights of image_cnn could not be downloaded (Unknown model "
                                f"(image_cnn)); {CHOICES}")
