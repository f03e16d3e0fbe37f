"""The window in a process of its own: an experiment is put into the queue by keyboard and mouse, then it
waits to be killed. python -m tests.helpers.training_side CORPUS RUN EPOCHS"""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QWidget

from mlee_gui.app import Application, Factories, StartOptions, show
from mlee_gui.run import qt_application
from mlee_gui.training.fields import NumberField
from mlee_gui.training.form import TrainingForm
from mlee_gui.training.text_fields import PathField
from mlee_gui.training.tick_fields import FoldsField, TicksField
from tests.helpers.fake_sound import MICROPHONES, FakeBackend, FakeRecorder
from tests.helpers.fakes import MODEL, FakeWorker

PATIENCE_S = 90.0


def main(corpus: str, run: str, epochs: str) -> int:
    app = qt_application("light")
    application = Application(StartOptions(), fakes())
    show(application)
    until(lambda: application.lazy_page.training is not None)
    assert application.lazy_page.training is not None
    QTest.keyClick(application.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    form = application.lazy_page.training.form
    assert application.window.page == "training" and form.isVisible()
    fill(form, corpus, run, epochs)
    until(form.view.queue.isEnabled)
    click(form.view.queue)
    print(f"queued {form.view.command.toPlainText()}", flush=True)
    return app.exec()


def fill(form: TrainingForm, corpus: str, run: str, epochs: str) -> None:
    """Two folds of one row: dominant, soft, on all."""
    QTest.keyClicks(form.field("corpus", PathField).line, corpus)
    untick(form.field("rows", TicksField), keep="dominant-soft")
    untick(form.field("train_sets", TicksField), keep="all")
    QTest.keyClicks(form.field("run", PathField).line, run)
    click(form.view.more)
    max_epochs = form.field("max_epochs", NumberField).box
    max_epochs.setFocus()
    QTest.keyClick(max_epochs, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(max_epochs, epochs)
    folds = form.field("only", FoldsField).list
    until(lambda: folds.count() == 3)  # the corpus was read
    folds.setFocus()
    QTest.keyClick(folds, Qt.Key.Key_End)
    QTest.keyClick(folds, Qt.Key.Key_Space)


def untick(field: TicksField, keep: str) -> None:
    """By keyboard, all boxes of a field but one."""
    for box in field.boxes:
        if box.text() != keep:
            box.setFocus()
            QTest.keyClick(box, Qt.Key.Key_Space)


def click(button: QWidget) -> None:
    at = button.rect().center()
    if isinstance(button, QCheckBox):
        at.setX(8)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def until(moment: object) -> None:
    assert callable(moment)
    end = time.monotonic() + PATIENCE_S
    while not moment():
        assert time.monotonic() < end, "the moment did not come"
        QTest.qWait(20)


def fakes() -> Factories:
    """No analysis process and no sound: what is looked at is training."""
    return Factories(
        worker=lambda: FakeWorker(False, 2.0, None),  # type: ignore[arg-type]
        find_model=lambda name: MODEL,
        shipped_models=lambda: (MODEL,),
        sound=lambda: FakeBackend(),  # type: ignore[arg-type,return-value]
        recorder=FakeRecorder,
        find_devices=lambda rescan: MICROPHONES,
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
