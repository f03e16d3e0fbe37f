"""The model selector in the toolbar, and the texts about the model in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QLabel

from mlee_core.errors import MleeError
from mlee_core.inference.model_info import ModelInfo

from ..shell.mainwindow import MainWindow
from ..shell.settings import Settings
from .model_dialog import limits_html
from .session import Session

OPEN = "Open a model…"


class ModelSelector(QObject):
    """Shows the session's model in the selector, the status bar and the limits."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        settings: Settings,
        shipped: Callable[[], tuple[ModelInfo, ...]],
        limits: QLabel,
        remember: bool,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, settings
        self._shipped, self._limits, self._remember = shipped, limits, remember
        session.model_changed.connect(self._on_model)
        window.models.activated.connect(self._on_chosen)

    def choose(self, name: str) -> None:
        """Use this model; a refused one stays selected, so that analyses show why they fail."""
        if self._session.model is None:
            self._session.model_name = name
        self._session.set_model(name)
        self._fill()

    def _on_model(self, info: ModelInfo) -> None:
        self._window.status.show_model(info)
        self._limits.setText(limits_html(info))
        if self._remember:
            self._settings.model = self._session.model_name

    def _on_chosen(self, row: int) -> None:
        name = self._window.models.itemData(row)
        if name is None:
            name, _ = QFileDialog.getOpenFileName(
                self._window, "Open a model", self._settings.last_folder, "Models (*.safetensors)"
            )
        if name:
            self.choose(name)
        else:
            self._fill()

    def _fill(self) -> None:
        box, name, model = self._window.models, self._session.model_name, self._session.model
        box.clear()
        try:
            for info in self._shipped():
                box.addItem(info.name, info.name)
        except MleeError as error:  # one damaged file must not prevent the start
            self._session.messages.error(str(error))
        if box.findData(name) < 0:
            box.addItem(model.name if model is not None else Path(name).name, name)
        box.setCurrentIndex(box.findData(name))
        box.addItem(OPEN, None)
