"""What the planning process found out, in words and tables for the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from html import escape as escaped
from typing import Any

from mlee_core.config.recipe import RECIPES, Recipe
from mlee_core.corpora.statistics import NONE
from mlee_core.corpora.statistics_text import duration as length
from mlee_core.experiments.experiment_text import stages_text
from mlee_core.experiments.planning_service import CorpusFacts, Plan
from mlee_core.labels.votes import CLASSES
from mlee_core.runs.event_text import duration, size
from mlee_core.system.hardware import Gpu, Hardware

escape = partial(escaped, quote=False)


def corpus_head(facts: CorpusFacts) -> str:
    """One line: which format was recognised, and how much it holds."""
    found, audio = facts.found, facts.found["audio"]
    seconds = found["duration_s"]
    parts = [
        f"<b>{escape(facts.name)}</b>, read as {facts.format}: {found['utterances']} utterances",
        f"{found['speakers']} speakers",
        "duration not known" if seconds is None else length(seconds),
    ]
    absent = audio["missing"] + audio["pointers"]
    if absent:
        parts.append(f"<b>{absent} without audio</b>")
    return ", ".join(parts)


def table_1(facts: CorpusFacts) -> str:
    """The corpus's own Table 1: dominant classes, and in which share each class exists."""
    found = facts.found
    rows = [
        _row(("Dominant class", *found["dominant"].values())),
        *(
            _row((f"Exists, train set {name}", *map(_percent, shares.values()), ""))
            for name, shares in found["existence_ratio"].items()
        ),
    ]
    return _table(("Table 1", *CLASSES, NONE), rows)


def admissions(facts: CorpusFacts) -> str:
    """How many utterances each label scheme admits, by train set."""
    admits: Mapping[str, Any] = facts.found["admits"]
    rows = [
        _row(("hard", admits["hard"], admits["hard"])),
        _row(("soft", admits["soft_dominant"], admits["soft_all"])),
        _row(("existence", admits["hard"], admits["existence"])),
    ]
    return _table(("Admitted", "dominant", "all"), rows)


def notes(facts: CorpusFacts) -> str:
    """What was odd, a sentence a line; the first few."""
    said = [*facts.warnings, *facts.remarks]
    more = [f"… and {len(said) - 3} more"] if len(said) > 3 else []
    return "<br>".join(escape(sentence) for sentence in [*said[:3], *more])


def plan_rows(plan: Plan, memory_bytes: int | None) -> dict[str, str]:
    """What it costs: name -> words. memory_bytes: what is free here."""
    cost = plan.cost
    words = {
        "Networks": stages_text(plan.selection, plan.ensemble, cost),
        "Where": _where(plan),
        "Time": "not measured yet",
        "Disk": f"{size(cost.disk_bytes)}, and {size(cost.features_bytes)} while it runs; "
        f"{size(plan.free_bytes)} are free",
        "Memory": "not measured yet",
    }
    if not plan.measurable:
        words["Time"] = words["Memory"] = "cannot be measured on this machine, which has no GPU"
    elif plan.measured:
        words["Time"] = (
            f"about {duration(cost.seconds)} if encoders stop after {cost.usual_epochs} epochs, at most "
            f"{duration(cost.most_seconds)}"
        )
        free = "" if memory_bytes is None else f"; {size(memory_bytes)} are free"
        words["Memory"] = f"about {size(cost.memory_bytes)}{free}"
    return words


def _where(plan: Plan) -> str:
    """ "cpu, bf16; 2 trainings at once, each on 1 core of this machine" """
    threads, device = plan.compute.threads, f"{plan.compute.device}, {plan.compute.dtype}"
    cores = f"{threads} {'core' if threads == 1 else 'cores'} of {plan.place}"
    if plan.workers == 1:
        return f"{device}; 1 training at a time, on {cores}"
    return f"{device}; {plan.workers} trainings at once, each on {cores}"


def recipe_in_words(recipe: Recipe) -> str:
    """All settings, those that the paper has otherwise in bold."""
    paper, words = RECIPES["paper"].settings, []
    for name, value in recipe.settings.items():
        if name != "name":
            text = escape(f"{name} {_plain(value)}").replace(" ", "&nbsp;")
            words.append(text if value == paper[name] else f"<b>{text}</b>")
    return ", ".join(words) + ("." if recipe == RECIPES["paper"] else ". <b>Bold</b>: not as in the paper.")


def in_short(plan: Plan) -> str:
    """One line for the end of the form."""
    left = plan.cost.cells - plan.cost.done
    words = f"{left} networks to train" if left != 1 else "1 network to train"
    return f"{words}, about {duration(plan.cost.seconds)}." if plan.measured else f"{words}."


def devices(hardware: Hardware) -> str:
    """Processor and GPUs, each with what is free of it, or why there is no GPU."""
    cores = f"{hardware.cores} of {hardware.all_cores} cores"
    lines = [f"<b>cpu</b>: {escape(hardware.processor)}, {cores} usable"]
    lines += [_gpu(gpu) for gpu in hardware.gpus]
    if hardware.no_gpu:
        lines.append(f"No GPU: {escape(hardware.no_gpu)}.")
    return "<br>".join(lines)


def _gpu(gpu: Gpu) -> str:
    total = f"{_gib(gpu.total_bytes)} GiB"
    memory = total if gpu.free_bytes is None else f"{_gib(gpu.free_bytes)} of {total} free"
    use = "how busy is not told" if gpu.utilisation is None else f"{gpu.utilisation:.0%} busy"
    return f"<b>{gpu.device}</b>: {escape(gpu.name)}, {memory}, {use}"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else "–" if value is None else str(value)


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    first, *others = head
    titles = "".join(f'<th align="right" style="padding-left: 10px">{title}</th>' for title in others)
    return f'<table><tr><th align="left">{first}</th>{titles}</tr>{"".join(rows)}</table>'


def _row(cells: Iterable[object]) -> str:
    first, *others = cells
    numbers = "".join(f'<td align="right" style="padding-left: 10px">{cell}</td>' for cell in others)
    return f"<tr><td>{first}</td>{numbers}</tr>"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
