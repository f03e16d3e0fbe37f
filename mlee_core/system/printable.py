"""Foreign text made safe for a terminal or a figure."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: str) -> str:
    """Characters that a figure cannot hold (control, lone surrogates of odd file names) become "�"."""
    return "".join(c if c.isprintable() else "�" for c in text)


def shortened(text: str, length: int) -> str:
    """`printable`, and without its middle where it has more than `length` characters."""
    shown, half = printable(text), length // 2
    return shown if len(shown) <= length else f"{shown[: half - 1]}…{shown[-half:]}"


def listed(names: Sequence[str], most: int) -> str:
    """The first `most` names, and how many others there are: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
