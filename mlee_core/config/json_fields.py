"""Reading an order's fields from JSON: a file may hold anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..errors import ConfigError


def fields_read(kind: type[Any], value: Any) -> dict[str, Any]:
    """Field -> value, of a frozen dataclass whose fields have the types in _KINDS, from plain JSON data.

    Raises: ConfigError for what is missing, unknown or of another type.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"order {str(value)[:80]!r} is no object of JSON.")
    known = {field.name: field for field in fields(kind)}
    read: dict[str, Any] = {}
    for name, said in value.items():
        if name not in known:
            raise ConfigError(f"order: {name!r} is nothing that can be ordered.")
        if said is None:
            if known[name].default is not None:
                raise ConfigError(f"order: {name} is null.")
            continue
        try:  # a field's type is its annotation's text
            read[name] = _KINDS[str(known[name].type).split(" | ")[0]](said)
        except TypeError as error:
            raise ConfigError(f"order: {name} {str(said)[:80]!r} is not {error}.") from error
    missing = [name for name, field in known.items() if field.default is MISSING and name not in read]
    if missing:
        raise ConfigError(f"order: it has no {missing[0]}.")
    return read


def _exactly(kind: type, words: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(words)
        return value

    return read


def _listed(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError("a list of text")
    return tuple(value)


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list | tuple) or any(len(_listed(item)) != 2 for item in value):
        raise TypeError("a list of pairs of text")
    return tuple((item[0], item[1]) for item in value)


_text = _exactly(str, "text")
_KINDS: dict[str, Callable[[Any], Any]] = {
    "Path": lambda value: Path(_text(value)),
    "str": _text,
    "Level": _text,
    "Dtype": _text,
    "EngineName": _text,
    "int": _exactly(int, "a whole number"),
    "bool": _exactly(bool, "true or false"),
    "tuple[str, ...]": _listed,
    "tuple[TrainSet, ...]": _listed,
    "tuple[tuple[str, str], ...]": _pairs,
}
