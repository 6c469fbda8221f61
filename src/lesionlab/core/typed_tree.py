"""Trees of scalars held by dataclasses: reading, checking and naming their settings."""

from __future__ import annotations

import difflib
import json
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lesionlab.core.cohort import join_problems
from lesionlab.core.errors import RecipeError


def settle(owner: Any) -> None:
    """Bring each field to its type, so that recipes that are equal have one digest."""
    for name, hint in get_type_hints(type(owner)).items():
        object.__setattr__(owner, name, coerced(getattr(owner, name), hint, name))


def build(kind: Any, value: dict[str, Any], path: str) -> Any:
    """An instance of the dataclass `kind` from a JSON object."""
    if not isinstance(value, dict):
        raise RecipeError(f"{path.rstrip('.')} is {value!r}, not an object of settings")
    hints = get_type_hints(kind)
    unknown = [describe_unknown(path + name, [path + known for known in hints])
               for name in value if name not in hints]
    if unknown:
        raise RecipeError(join_problems("the recipe has settings that do not exist", unknown))
    parts = {}
    for name, item in value.items():
        hint = hints[name]
        parts[name] = (build(hint, item, f"{path}{name}.") if is_dataclass(hint)
                       else coerced(item, hint, path + name))
    return kind(**parts)


def list_leaves(kind: Any, prefix: str = "") -> dict[str, Any]:
    """The type of every setting by its path, such as `fit.l2`."""
    leaves: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        leaves |= (list_leaves(hint, f"{prefix}{name}.") if is_dataclass(hint)
                   else {prefix + name: hint})
    return leaves


def describe_unknown(path: str, known: list[str]) -> str:
    """What to say of a setting that does not exist."""
    last = path.rpartition(".")[2]
    close = ([name for name in known if name.rpartition(".")[2] == last]
             or difflib.get_close_matches(path, known, n=1))
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return f"no setting {path!r}; {hint}"


def parse(text: str, hint: Any, path: str) -> Any:
    """The JSON value that `text` stands for, of the type `hint`."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        return [parse(item.strip(), inner, path) for item in text.split(",") if item.strip()]
    if get_origin(hint) is Literal:
        known = {str(value): value for value in get_args(hint)}
        return coerced(known.get(text, text), hint, path)
    if hint in (int, float, bool):
        try:
            return coerced(json.loads(text), hint, path)
        except json.JSONDecodeError:
            raise RecipeError(f"{path} is {text!r}, not {_article(hint)}") from None
    return text


def coerced(item: Any, hint: Any, path: str) -> Any:
    """`item` as the type `hint`, or an error: no silent conversion but int to float."""
    if get_origin(hint) is tuple:
        if not isinstance(item, (list, tuple)):
            raise RecipeError(f"{path} is {item!r}, not a list")
        return tuple(coerced(value, get_args(hint)[0], path) for value in item)
    if get_origin(hint) is Literal:
        if not any(type(item) is type(value) and item == value for value in get_args(hint)):
            raise RecipeError(f"{path} is {item!r}; choose {', '.join(map(str, get_args(hint)))}")
        return item
    if hint is float and type(item) is int:
        return float(item)
    if type(item) is not hint:
        raise RecipeError(f"{path} is {item!r}, not {_article(hint)}")
    return item


def _article(hint: type) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, hint.__name__)
