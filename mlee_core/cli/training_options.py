"""Options that `mlee train` and `mlee table3` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..config.recipe import RECIPES, Recipe
from .corpus import add_opening_arguments


def add_exists_from(parser: argparse.ArgumentParser, default: str) -> None:
    """From how many votes on it an emotion exists."""
    what = f"an emotion exists from so many votes, or this share of them such as 20%% (default: {default})"
    parser.add_argument("--exists-from", metavar="N|SHARE", help=what)


def add_running_arguments(parser: argparse.ArgumentParser) -> None:
    """Corpus, run folder, recipe and machine."""
    add_opening_arguments(parser, several=True)
    parser.add_argument("--skip-missing", action="store_true", help="leave out any number of missing files")
    duplicates = "test recordings may also be in the training or development part; marks every figure"
    parser.add_argument("--allow-duplicates", action="store_true", help=duplicates)
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder (default: runs/CORPUS-…-DATE)")
    parser.add_argument("--resume", action="store_true", help="continue this run, or add to it")
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    cycle = f"encoders of recipe best end with their cycle of {RECIPES['best'].cycle}"
    parser.add_argument("--max-epochs", **number, help=f"default: {Recipe.max_epochs}; {cycle}")
    patience = f"epochs without a better one (default: {Recipe.patience})"
    parser.add_argument("--patience", **number, help=patience)
    parser.add_argument("--level", choices=("peak", "none"), help="scale utterances to peak 1, or leave them")
    parser.add_argument(
        "--recipe", choices=RECIPES, help="training method: the paper's, or the one that scored best"
    )
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    change = "change settings of the recipe, for example warp=0 mixup=0.4"
    parser.add_argument("--set", **several, dest="settings", metavar="NAME=VALUE", help=change)
    add_exists_from(parser, "1, the paper's")
    batch = f"utterances a step (default: {Recipe.batch_size}; recipe best {RECIPES['best'].batch_size})"
    parser.add_argument("--batch-size", **number, help=batch)
    parser.add_argument("--seed", **number, help="default: 0")
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:0 (default: cpu)")
    dtype = "default: fp32 with recipe paper, else bf16 where the device is fast at it"
    parser.add_argument("--dtype", choices=("fp32", "bf16"), help=dtype)
    # replay recorded steps on a GPU; not tried on one yet
    parser.add_argument("--cuda-graphs", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", **number, help="of one training (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="print results only")
