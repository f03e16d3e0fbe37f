"""Reading frozen dataclasses from JSON: a file may hold anything."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import ConfigError

Made = TypeVar("Made")

TYPE_NAMES = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    Path: "text",
    str: "text",
    NoneType: "null",
}


def from_json(kind: type[Made], value: Any, what: str) -> Made:
    """A dataclass from plain JSON data, each value checked against the type of its field.

    Args:
        kind: its fields have the types in TYPE_NAMES, tuples or dataclasses of them, or `Literal` of text,
            whose allowed values the dataclass checks itself.
        value: as `json.loads` returns it.
        what: name of the data for messages.
    Raises: ConfigError for a field that is missing, unknown or of another type, or that `kind` refuses.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{what} {str(value)[:80]!r} is not a JSON object.")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    hints, read = get_type_hints(kind), dict[str, Any]()
    for name, item in value.items():
        if name not in known:
            raise ConfigError(f"{what}: unknown field {name!r}.")
        try:
            read[name] = _converted(hints[name], item, name)
        except TypeError as error:
            raise ConfigError(f"{what}: {name} {str(item)[:80]!r} is not {error}.") from error
    for name, field in known.items():
        if name not in read and field.default is MISSING:
            raise ConfigError(f"{what}: field {name} is missing.")
    return kind(**read)


def _converted(hint: Any, value: Any, what: str) -> Any:
    """The value as its field holds it. Raises: TypeError naming the expected type; ConfigError."""
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):  # X | None
        return None if value is None else _converted(arguments[0], value, what)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError("a list")
        hints = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(hints) != len(value):
            raise TypeError(f"a list of {len(hints)} values")
        try:
            return tuple(_converted(item, part, what) for item, part in zip(hints, value, strict=True))
        except TypeError as error:
            raise TypeError(f"a list in which each value is {error}") from error
    if is_dataclass(hint):
        return from_json(hint, value, what)  # type: ignore[arg-type]
    kind = str if get_origin(hint) is Literal or hint is Path else hint
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeError(TYPE_NAMES[kind])
    return Path(str(value)) if hint is Path else value
