"""The model selector in the toolbar, and the texts about the model in the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QLabel

from mlee_core.errors import MleeError
from mlee_core.inference.model_file import ModelInfo

from ..shell.mainwindow import MainWindow
from ..shell.settings import Settings
from .session import Session

OPEN = "Open a model…"


@dataclass(eq=False)
class ModelSelector:
    """Shows the session's model in the selector, the status bar and the limits."""

    window: MainWindow
    session: Session
    settings: Settings
    shipped: Callable[[], tuple[ModelInfo, ...]]
    limits: QLabel
    remember: bool

    def __post_init__(self) -> None:
        self.session.model_changed.connect(self._on_model)
        self.window.models.activated.connect(self._on_chosen)

    def choose(self, name: str) -> None:
        """Use this model; a refused one stays selected, so that analyses show why they fail."""
        if self.session.model is None:
            self.session.model_name = name
        self.session.set_model(name)
        self._fill()

    def _on_model(self, info: ModelInfo) -> None:
        self.window.status.show_model(info)
        limits = escape(" ".join(info.limits))
        self.limits.setText(f"<b>{escape(info.name)}</b>, trained on {escape(info.trained_on)}. {limits}")
        if self.remember:
            self.settings.model = self.session.model_name

    def _on_chosen(self, row: int) -> None:
        name = self.window.models.itemData(row)
        if name is None:
            name, _ = QFileDialog.getOpenFileName(
                self.window, "Open a model", self.settings.last_folder, "Models (*.safetensors)"
            )
        if name:
            self.choose(name)
        else:
            self._fill()

    def _fill(self) -> None:
        box, name, model = self.window.models, self.session.model_name, self.session.model
        box.clear()
        try:
            for info in self.shipped():
                box.addItem(info.name, info.name)
        except MleeError as error:  # one damaged file must not prevent the start
            self.session.messages.error(str(error))
        if box.findData(name) < 0:
            box.addItem(model.name if model is not None else Path(name).name, name)
        box.setCurrentIndex(box.findData(name))
        box.addItem(OPEN, None)
