"""The gain of each step of a recipe: python packaging/ablation.py CORPUS OUT [--plus NAME=VALUE ...]

One row of Table 3 is trained with the recipe, with the recipe without each of its steps, and with each
setting of --plus added, in run folders under OUT that are resumed when they exist. Settings of --with apply
to all of them: "--with ensemble=1" gives the gains of single networks in a quarter of the time. Only
development speakers are scored, pooled over the folds, since recipes are chosen by them; the interval of a
difference is a paired bootstrap over speakers. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from mlee_core import cli
from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.recipe import RECIPES, Recipe
from mlee_core.config.stages import LINES, Stage
from mlee_core.errors import ConfigError
from mlee_core.evaluation import bootstrap
from mlee_core.evaluation.scores import Tally
from mlee_core.experiments.builder import recipe_of
from mlee_core.report.predictions import Prediction, ensemble_predictions
from mlee_core.report.scored_predictions import ScoredPredictions
from mlee_core.runs.run_folder import RunFolder

HEADER = """| | WA | UA | ΔUA of the step (95 % interval) |
| --- | ---: | ---: | ---: |"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", choices=RECIPES, default="best")
    parser.add_argument("--row", choices=LINES, default="dominant-soft")
    parser.add_argument("--with", nargs="+", metavar="NAME=VALUE", default=[], dest="base", help="for all")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat everything N times")
    parser.add_argument("--plus", nargs="+", metavar="NAME=VALUE", default=[], help="settings to try as well")
    parser.add_argument(
        "--leave", nargs="+", metavar="STEP", default=[], help="steps that stay (they do not train)"
    )
    parser.add_argument("--only", nargs="+", metavar="FOLD", help="folds (default: all)")
    args = parser.parse_args()
    try:
        recipe = _changed(RECIPES[args.recipe], args.base)
        every = variants(recipe, args.plus, args.leave)
        planned = [(name, _merged(args.base, settings)) for name, settings in every]
    except ConfigError as error:
        print(f"ablation: {error}", file=sys.stderr)
        return 2
    tallies = {}
    for name, settings in planned:
        folder = args.out / name.replace(" ", "-").replace("/", "-")
        command = ["table3", args.corpus, "--recipe", args.recipe, "--rows", args.row, "--train-sets", "all"]
        command += ["--run", folder, "--resume", "--quiet"]
        command += ["--only", *args.only] if args.only else []
        command += ["--seeds", args.seeds]
        command += ["--set", *settings] if settings else []
        print(name, file=sys.stderr)
        with contextlib.redirect_stdout(sys.stderr):
            status = cli.main([str(word) for word in command])
        if status:
            return status
        tallies[name] = of_development(RunFolder(folder), args.row)
    print("\n".join(lines(tallies, recipe.described)))
    return 0


def variants(recipe: Recipe, plus: list[str], leave: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Names of variants with the settings that change the recipe. Raises: ConfigError for an unknown one."""
    for setting in plus:
        _changed(recipe, [setting])
    for step in leave:
        recipe.without(step)
    yield "everything", []
    for step in recipe.steps:
        if step not in leave:
            changes = recipe.without(step).unlike(recipe)  # what needs the step goes with it
            yield f"without {step}", [f"{name}={json.dumps(value)}" for name, value in changes.items()]
    for setting in plus:
        yield f"plus {setting}", [setting]


def _merged(base: list[str], settings: list[str]) -> list[str]:
    """The settings of all variants, replaced by a variant's own."""
    own = {setting.partition("=")[0] for setting in settings}
    return [setting for setting in base if setting.partition("=")[0] not in own] + settings


def _changed(recipe: Recipe, settings: list[str]) -> Recipe:
    """Raises: ConfigError for an unknown setting."""
    return recipe_of(ExperimentSpec(Path(), settings=tuple(settings)), recipe)


def of_development(run: RunFolder, row: str) -> Tally:
    """Predictions for the development speakers' utterances; each speaker develops in one fold."""
    votes = {u.id: u for u in run.corpus().utterances}
    stage = Stage(*LINES[row], "all")
    predictions = [
        Prediction(votes[name], result.fold, result.seed, {stage: probabilities})
        for result in run.results()
        if result.stage == stage
        for name, probabilities in result.development.items()
    ]
    scored = ScoredPredictions.of(ensemble_predictions(predictions, run.config()), [stage])
    return scored.tally(stage, scored.speaker, scored.has_truth(stage))


def lines(tallies: dict[str, Tally], recipe: str) -> Iterator[str]:
    yield HEADER
    whole = tallies["everything"]
    for name, tally in tallies.items():
        wa, ua = (100 * (tally.pooled(score) or 0.0) for score in ("wa", "ua"))
        gain = ""
        if tally is not whole:
            pair = (tally, whole) if name.startswith("plus") else (whole, tally)
            found = bootstrap.difference(*pair, "ua")
            assert found is not None, "development speakers have dominant classes"
            gain = f"{100 * found.pooled:+.1f}"
            if found.low is not None and found.high is not None:
                gain += f" ({100 * found.low:+.1f} … {100 * found.high:+.1f})"
        yield f"| {recipe if tally is whole else name} | {wa:.1f} | {ua:.1f} | {gain} |"


if __name__ == "__main__":
    sys.exit(main())
