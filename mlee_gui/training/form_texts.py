"""Texts and tables of the form for what the planning process found."""

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
    """One line: the recognised format, and how much the corpus holds."""
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
    """The corpus's own Table 1: dominant classes, and the share of utterances in which each class exists."""
    found = facts.found
    shares = found["existence_ratio"].items()
    return _table(
        ("Table 1", *CLASSES, NONE),
        ("Dominant class", *found["dominant"].values()),
        *((f"Exists, train set {name}", *map(_percent, ratios.values()), "") for name, ratios in shares),
    )


def admissions(facts: CorpusFacts) -> str:
    """How many utterances each label scheme admits, by train set."""
    admits: Mapping[str, Any] = facts.found["admits"]
    return _table(
        ("Admitted", "dominant", "all"),
        ("hard", admits["hard"], admits["hard"]),
        ("soft", admits["soft_dominant"], admits["soft_all"]),
        ("existence", admits["hard"], admits["existence"]),
    )


def notes(facts: CorpusFacts) -> str:
    """The first warnings and remarks, one per line."""
    sentences = [*facts.warnings, *facts.remarks]
    more = [f"… and {len(sentences) - 3} more"] if len(sentences) > 3 else []
    return "<br>".join(map(escape, [*sentences[:3], *more]))


def plan_rows(plan: Plan, memory_bytes: int | None) -> dict[str, str]:
    """What the run costs: name -> text. memory_bytes: free on this machine."""
    cost = plan.cost
    rows = {
        "Networks": stages_text(plan.selection, plan.ensemble, cost),
        "Where": _where(plan),
        "Time": "not measured yet",
        "Disk": f"{size(cost.disk_bytes)}, and {size(cost.features_bytes)} while it runs; "
        f"{size(plan.free_bytes)} free",
        "Memory": "not measured yet",
    }
    if not plan.measurable:
        rows["Time"] = rows["Memory"] = "cannot be measured: this machine has no GPU"
    elif plan.measured:
        rows["Time"] = (
            f"about {duration(cost.seconds)} if encoders stop after {cost.usual_epochs} epochs, at most "
            f"{duration(cost.most_seconds)}"
        )
        free = "" if memory_bytes is None else f"; {size(memory_bytes)} free"
        rows["Memory"] = f"about {size(cost.memory_bytes)}{free}"
    return rows


def _where(plan: Plan) -> str:
    """ "cpu, bf16; 2 trainings at once, each on 1 core of this machine" """
    threads, device = plan.compute.threads, f"{plan.compute.device}, {plan.compute.dtype}"
    cores = f"{threads} {'core' if threads == 1 else 'cores'} of {plan.place}"
    if plan.workers == 1:
        return f"{device}; 1 training at a time, on {cores}"
    return f"{device}; {plan.workers} trainings at once, each on {cores}"


def recipe_text(recipe: Recipe) -> str:
    """All settings; in bold those that differ from the paper's."""
    paper, parts = RECIPES["paper"].settings, []
    for name, value in recipe.settings.items():
        if name != "name":
            text = escape(f"{name} {_plain(value)}").replace(" ", "&nbsp;")
            parts.append(text if value == paper[name] else f"<b>{text}</b>")
    end = "." if recipe == RECIPES["paper"] else ". <b>Bold</b>: not as in the paper."
    return ", ".join(parts) + end


def plan_summary(plan: Plan) -> str:
    """One line for the end of the form."""
    remaining = plan.cost.cells - plan.cost.done
    text = "1 network to train" if remaining == 1 else f"{remaining} networks to train"
    return f"{text}, about {duration(plan.cost.seconds)}." if plan.measured else f"{text}."


def devices(hardware: Hardware) -> str:
    """Processor and GPUs with their free memory and load, or why there is no GPU."""
    cores = f"{hardware.cores} of {hardware.all_cores} cores"
    lines = [f"<b>cpu</b>: {escape(hardware.processor)}, {cores} usable"]
    lines += [_gpu(gpu) for gpu in hardware.gpus]
    if hardware.no_gpu:
        lines.append(f"No GPU: {escape(hardware.no_gpu)}.")
    return "<br>".join(lines)


def _gpu(gpu: Gpu) -> str:
    total = f"{gpu.total_bytes / 2**30:.1f} GiB"
    memory = total if gpu.free_bytes is None else f"{gpu.free_bytes / 2**30:.1f} of {total} free"
    use = "load unknown" if gpu.utilisation is None else f"{gpu.utilisation:.0%} busy"
    return f"<b>{gpu.device}</b>: {escape(gpu.name)}, {memory}, {use}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else "–" if value is None else str(value)


def _table(*rows: Iterable[object]) -> str:
    """HTML; the first row is the head, columns but the first are aligned to the right."""
    lines = []
    for n, (first, *others) in enumerate(rows):
        tag = "td" if n else "th"
        cells = "".join(f'<{tag} align="right" style="padding-left: 10px">{cell}</{tag}>' for cell in others)
        lines.append(f'<tr><{tag} align="left">{first}</{tag}>{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
