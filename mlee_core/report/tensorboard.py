"""Learning curves and test scores as TensorBoard event files, one run per network: fold/seed/stage.

Records are written without SummaryWriter, so that a file has a fixed name, contains no host name, is written
atomically, and replaces the one of an earlier report. The wall time of an epoch is its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..system.files import atomic_path
from .report_data import Report, TrainingHistory

NAME = "events.out.tfevents.0.mlee"
VERSION = "brain.Event:2"


def write(report: Report, folder: Path) -> None:
    """Write the event files of all trained networks, and remove those of removed networks.

    tensorboardX is imported here: it brings torch with it. Raises: OSError.
    """
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter
    from tensorboardX.summary import scalar

    written = set()
    for training in report.trainings:
        cell = training.cell
        file = folder / cell.fold / f"seed-{cell.seed}" / cell.stage.name / NAME
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as neighbour:
            records = RecordWriter(str(neighbour))
            records.write(Event(wall_time=0.0, file_version=VERSION).SerializeToString())
            for step, name, value in scalars(training):
                event = Event(wall_time=float(step), step=step, summary=scalar(name, value))
                records.write(event.SerializeToString())
            records.close()
        written.add(file)
    for file in folder.glob(f"*/seed-*/*/{NAME}"):
        if file not in written:
            file.unlink()


def scalars(training: TrainingHistory) -> Iterator[tuple[int, str, float]]:
    """(epoch, name, value): losses and development scores of every epoch, test scores at the best one."""
    for point in training.curve:
        named = {
            "loss/train": point.train_loss,
            "loss/dev": point.dev_loss,
            "dev/WA": point.dev_wa,
            "dev/UA": point.dev_ua,
        }
        yield from ((point.epoch, name, value) for name, value in named.items() if value is not None)
    for name, value in {"test/WA": training.wa, "test/UA": training.ua}.items():
        if value is not None:
            yield training.epoch, name, value
