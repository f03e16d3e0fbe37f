"""Deletes a run from its folder: the files that MLEE wrote; all others are the user's and stay."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePath

from ..report.cell_plots import PANELS
from ..system.temporary_folders import PREFIX

_LAST = ("folds.json", "order.json", "config.json")
"""Deleted last, since they define which files are MLEE's: an interrupted deletion can be repeated."""

_OF_RUN = ("utterances.json", "events.jsonl", "job.json", "heartbeat.json", "asked.json", *_LAST)
_LOCKS = ("lock", "asked.lock", "window.lock")
_OF_FOLD = ("recordings.json", "model.safetensors")
_OF_CELL = ("last.safetensors", "best.safetensors", "result.json")
_OF_REPORT = (
    *(f"report.{suffix}" for suffix in ("md", "html", "json")),
    *(f"{table}.csv" for table in ("table3", "votes", "cells", "speakers", "curves", "predictions")),
    "PREDICTIONS.md",
)
_DRAWN = ("table3", "comparisons", *PANELS)
_PICTURES = tuple(f"{name}{look}.svg" for name in _DRAWN for look in ("", "-dark"))
_EVENTS = ("events.out.tfevents.0.mlee",)
_CELL = r"[^/]+/seed-\d+/[^/]+"


def remove_own(run: Path) -> int:
    """Remove MLEE's files from `run`, and the folders that become empty, including `run`.

    A link in the place of such a file or folder is removed, not followed.

    Returns: how many files remain.
    Raises: OSError.
    """
    folds = "|".join(map(re.escape, _folds(run))) or r"(?!)"
    files, folders = _own_paths(folds)
    found: list[str] = []
    remaining = 0
    for here, below, names in os.walk(run):
        place = Path(here).relative_to(run)
        links = [name for name in below if os.path.islink(os.path.join(here, name))]
        for name in (*names, *links):
            path = (place / name).as_posix()
            if files.fullmatch(path) or (folders.fullmatch(path) and (run / path).is_symlink()):
                found.append(path)
            else:
                remaining += 1
        temporary = [] if place.parts else [name for name in below if name.startswith(PREFIX)]
        for name in set(temporary).difference(links):
            shutil.rmtree(run / name)
        below[:] = [name for name in below if name not in temporary]
    for path in sorted(found, key=_position):
        (run / path).unlink(missing_ok=True)
    _remove_empty(run, folders)
    return remaining


def _folds(run: Path) -> Iterable[str]:
    """Names of the folds in the run's own file; none if it cannot be read."""
    try:
        return [str(fold["name"]) for fold in json.loads((run / "folds.json").read_bytes())["folds"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _own_paths(folds: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of MLEE's files and of its folders, as paths in the run. folds: a pattern of the folds' names,
    none of which is the name of another folder (folds.TAKEN)."""
    fold, cell = rf"(?:{folds})", rf"(?:{folds})/seed-\d+/[^/]+"
    events = rf"(?:report/)?tensorboard/{_CELL}"
    files = (
        _written("", (*_OF_RUN, *_LOCKS)),
        r"\.heartbeat\.tmp\.json",
        r"logs/(?:job|ray|worker-\d+)\.log",
        _written(f"{fold}/", _OF_FOLD),
        _written(f"{cell}/", _OF_CELL),
        rf"{fold}/(?:seed-\d+/[^/]+/)?\.tmp\w{{6}}",  # temporary files of safetensors
        _written("report/", _OF_REPORT),
        _written("report/pictures/", _PICTURES),
        _written(f"{events}/", _EVENTS),
    )
    folders = (
        rf"logs|report|report/pictures|{PREFIX}[^/]*",
        r"(?:report/)?tensorboard(?:/[^/]+(?:/seed-\d+(?:/[^/]+)?)?)?",
        rf"{fold}(?:/seed-\d+(?:/[^/]+)?)?",
    )
    return re.compile("|".join(files)), re.compile("|".join(folders))


def _written(folder: str, names: Iterable[str]) -> str:
    """A pattern of these files and of their temporary neighbours (`files.atomic_path`)."""
    either = "|".join(
        rf"{re.escape(name)}|\.{re.escape(PurePath(name).stem)}\.\w{{8}}\.tmp{re.escape(PurePath(name).suffix)}"
        for name in names
    )
    return f"{folder}(?:{either})"


def _position(path: str) -> int:
    """In the order of deletion; the lock is last, since it is held meanwhile."""
    last = (*_LAST, *_LOCKS)
    return last.index(path) + 1 if path in last else 0


def _remove_empty(run: Path, folders: re.Pattern[str]) -> None:
    for here, _, _ in os.walk(run, topdown=False):
        path = Path(here).relative_to(run).as_posix()
        if (path == "." or folders.fullmatch(path)) and not os.listdir(here):
            os.rmdir(here)
