"""Foreign text made safe for a terminal or a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def printable(text: str) -> str:
    """Characters that a figure cannot hold (control, lone surrogates of odd file names) become "�"."""
    return "".join(c if c.isprintable() else "�" for c in text)


def shortened(text: str, length: int) -> str:
    """`printable`, and without its middle where it has more than `length` characters."""
    shown, half = printable(text), length // 2
    return shown if len(shown) <= length else f"{shown[: half - 1]}…{shown[-half:]}"
