"""Finding the first two items that have the same name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def first_repeated(items: Iterable[T], key: Callable[[T], Hashable]) -> tuple[T, T] | None:
    """The first item whose `key` an earlier one has: (earlier, later); None if all keys differ."""
    earlier: dict[Hashable, T] = {}
    for item in items:
        name = key(item)
        if name in earlier:
            return earlier[name], item
        earlier[name] = item
    return None
