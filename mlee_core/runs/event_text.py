"""Events as text: a line for a terminal or a log."""

from __future__ import annotations

from ..events import EpochDone, Event, Failed, Progress, Resumed, StageDone, Started


def event_text(event: Event) -> str | None:
    """One line for the terminal or a log; None for events that need none."""
    if isinstance(event, Started):
        return f"{event.stage}: {event.what}" if event.stage else event.what
    if isinstance(event, Resumed):
        return f"{event.stage}: resumes after epoch {event.epoch}"
    if isinstance(event, EpochDone):
        mark = " *" if event.best else ""
        took = "" if event.seconds is None else f", {event.seconds:.1f} s"
        return (
            f"{event.stage} epoch {event.epoch}: loss {event.train_loss:.4f}, development loss "
            f"{event.dev_loss:.4f} {_scores(event.dev_wa, event.dev_ua)}{took}{mark}"
        )
    if isinstance(event, StageDone):
        reused = " (reused)" if event.reused else ""
        return f"{event.stage}: best epoch {event.epoch}{reused}, test {_scores(event.wa, event.ua)}"
    return None


def event_line(event: Event, *, several: bool) -> str | None:
    """`event_text`, after the fold of the event's cell and, where there are several, its seed; the message of
    an event that failed."""
    text = event.message if isinstance(event, Failed) else event_text(event)
    if text is None or event.fold is None:
        return text
    return f"{event.fold} seed {event.seed} {text}" if several else f"{event.fold} {text}"


def _scores(wa: float | None, ua: float | None) -> str:
    return f"WA {_percent(wa)} UA {_percent(ua)}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def progress_text(progress: Progress) -> str:
    """ "mlee-all Epoch 3 41 %, 12 s left"."""
    parts = [progress.stage, progress.what]
    if progress.total:
        parts.append(f"{100 * progress.done / progress.total:.0f} %")
    text = " ".join(part for part in parts if part)
    return text if progress.left_s is None else f"{text}, {duration(progress.left_s)} left"


def duration(seconds: float) -> str:
    """ "45 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def size(count: float) -> str:
    """Bytes: "355 MB", "5.4 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
