"""Figures drawn in a process of their own, so that the window's imports no matplotlib."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlee_core.errors import MleeError
from mlee_core.inference.results import Analysis, Segment
from mlee_core.system.child_process import Child, Connection


def export_figure(
    out: Path, analysis: Analysis, segment: Segment | None, samples_file: str, dark: bool
) -> None:
    """Write Figure 3 of `analysis` (of one segment, if given) to out; blocks until it is there.

    samples_file: raw float32 16 kHz mono. Raises: MleeError for what the user can mend, WorkerDied.
    """
    child = Child("figure export", draw, out, analysis, segment, samples_file, dark)
    try:
        refusal: str | None = child.receive()
    finally:
        child.stop()
    if refusal is not None:
        raise MleeError(refusal)


def draw(
    connection: Connection,
    out: Path,
    analysis: Analysis,
    segment: Segment | None,
    samples_file: str,
    dark: bool,
) -> None:
    """The child's side: sends None when the figure is written, else one sentence."""
    from mlee_core.audio import features
    from mlee_core.figures import figure3

    samples = np.memmap(samples_file, dtype="<f4", mode="r")
    try:
        figure3.save_figure(
            out,
            analysis,
            features.blocks(samples, features.peak_gain(samples)),
            samples,
            segment=segment,
            dark=dark,
        )
    except MleeError as error:
        connection.send(str(error))
    else:
        connection.send(None)
