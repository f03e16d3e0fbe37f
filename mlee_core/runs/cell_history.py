"""The history of one cell from a run's events, line by line. The file may hold anything."""

from __future__ import annotations

from typing import Any

from .cells import CellResult

Key = tuple[str, int, str]
"""A cell by fold, seed and its stage's name."""

_LOSSES = ("train_loss", "dev_loss")
_SCORES = ("dev_wa", "dev_ua")
_HUGE = 1e30
"""More than any loss; integers in a file may also be too long for a float."""


class CellHistory:
    """epochs: number of the last one, 0 before. best: the epoch of the best model, None before. done: whether
    it has a result. failed: why, "" unless the cell's last event is a failure. log: name of the log file with
    details of it. at: time of the last event."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._rows: dict[int, dict[str, Any]] = {}
        self.epochs = 0
        self.best: int | None = None
        self.done = self.early = False
        self.wa: float | None = None
        self.ua: float | None = None
        self.failed = self.log = ""
        self.at = 0.0

    def add(self, line: dict[str, Any]) -> None:
        """One event of the cell."""
        kind, at = line.get("type"), line.get("at")
        self.at = at if isinstance(at, float) else self.at
        if kind == "epoch_done":
            self._add_epoch(line)
        elif kind == "stage_done":
            epoch = line.get("epoch")
            scores = (_number(line, "wa"), _number(line, "ua"))
            self.finish(epoch if isinstance(epoch, int) else None, *scores, early=line.get("early") is True)
        elif kind == "failed":
            self.failed = str(line.get("message") or "It failed for an unknown reason.")
            self.log = str(line.get("log") or "")
        elif kind == "dropped":
            self._reset()
        elif kind in ("started", "resumed"):
            self.failed = ""

    def finish(self, epoch: int | None, wa: float | None, ua: float | None, *, early: bool) -> None:
        self.done, self.best, self.wa, self.ua, self.early, self.failed = True, epoch, wa, ua, early, ""

    def take_result(self, result: CellResult) -> None:
        """Take over what the events lack from the cell's own result."""
        for row in result.curves:
            self._add_epoch(row)
        self.finish(result.epoch, result.wa, result.ua, early=result.early)

    def curve(self) -> tuple[dict[str, Any], ...]:
        return tuple(self._rows[epoch] for epoch in sorted(self._rows))

    def _add_epoch(self, line: dict[str, Any]) -> None:
        epoch = line.get("epoch")
        losses = {name: _number(line, name) for name in _LOSSES}
        if not isinstance(epoch, int) or epoch < 1 or None in losses.values():
            return
        best = line.get("best") is True
        scores = {name: _number(line, name) for name in _SCORES}
        self._rows[epoch] = {"epoch": epoch, **losses, **scores, "best": best}
        self.epochs = max(self.epochs, epoch)
        self.failed = ""
        if best and not self.done:
            self.best = max(self.best or 0, epoch)


def _number(line: dict[str, Any], name: str) -> float | None:
    value = line.get(name)
    return float(value) if isinstance(value, int | float) and -_HUGE < value < _HUGE else None
