"""Audio, corpora and models made by rule, for tests: what a class sounds like is known, and small."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile

from mlee_core.config.run_config import Selection
from mlee_core.config.stages import LINES, TRAIN_SETS

CLASSES = ("neu", "hap", "sad", "ang")
HEADS = ("hard", "soft", "mlee", "fusion")
SELECTION = Selection(tuple(LINES), TRAIN_SETS, ("s0",))
"""All of Table 3 in one fold."""

RATE = 16_000
PITCH = {"neu": 150.0, "hap": 400.0, "sad": 90.0, "ang": 250.0, "other": 600.0}
"""Hz: in a made corpus a class is a pitch, so that a network can learn it in seconds."""


def voice(pitch: float, seconds: float, seed: int) -> np.ndarray:
    """Harmonics of a moving pitch under a syllable-like envelope, and a little noise; float32 [N]."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * pitch * (t + 0.03 * np.sin(2 * np.pi * 5 * t) / (2 * np.pi * 5))
    buzz = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 9))
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t + rng.uniform(0, 6))
    return (0.2 * buzz * envelope + 0.003 * rng.standard_normal(len(t))).astype(np.float32)


def corpus(folder: Path, speakers: int = 4, each: int = 2, shortest_s: float = 0.7) -> Path:
    """A table corpus with audio: `each` utterances of every class a speaker; returns its CSV.

    shortest_s: seconds of the shortest utterance; the longest has 0.52 s more.
    Every fifth utterance has a minority vote for the next class; one class in five is *other*.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = list(PITCH)
    rows = []
    for speaker in range(speakers):
        for k, name in enumerate(names):
            for n in range(each):
                seed = 1000 * speaker + 10 * k + n
                file = f"s{speaker}_{name}_{n}.wav"
                seconds = shortest_s + 0.13 * (seed % 5)
                soundfile.write(folder / file, voice(PITCH[name] * (1 + 0.03 * speaker), seconds, seed), RATE)
                counts = dict.fromkeys(names, 0) | {name: 3}
                if seed % 5 == 0:
                    counts[names[(k + 1) % 4]] += 1
                rows.append({"file": file, "speaker": f"s{speaker}", **counts})
    path = folder / "table.csv"
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def model(
    path: Path,
    heads: tuple[str, ...] = HEADS,
    seen: dict[str, str] | None = None,
    /,
    members: int = 1,
    **header: object,
) -> Path:
    """A model file with random weights, so that its three encoders look at different places; its path.

    heads: which it has. seen: digest -> part. members: of the ensemble. header: fields that differ from a
    good file's.
    """
    import torch

    from mlee_core.audio.domain import MEANINGS, DomainReference
    from mlee_core.inference import model_file
    from mlee_core.nets import tensor_file
    from mlee_core.nets.network import Classifier, Network

    torch.manual_seed(5)
    tensors = {}
    for number in range(members):
        for head in heads:
            network = Classifier(2) if head == "fusion" else Network()
            own = {f"network.{name}": value for name, value in network.state_dict().items()}
            if head != "fusion":
                own |= {"norm.mean": torch.full((400,), -9.0), "norm.std": torch.full((400,), 3.0)}
            tensors |= {f"{number}.{head}.{name}": value for name, value in own.items()}
    described = {
        "format": model_file.FORMAT,
        "name": path.stem,
        "classes": ["neu", "hap", "sad", "ang"],
        "heads": list(heads),
        "fusion_encoders": ["soft", "mlee"] if "fusion" in heads else [],
        "level": "peak",
        "cut": "ends",
        "perhaps_from": 0.5,
        "centred": 0.0,
        "bins": 400,
        "scalings": [{head: {"temperature": 1.0, "offset": 0.0} for head in heads}] * members,
        "domain": asdict(DomainReference(dict.fromkeys(MEANINGS, 0.0), dict.fromkeys(MEANINGS, 100.0), 3.0)),
        "trained_on": "made",
        "speakers": {"train": ["s2", "s3"], "dev": ["s1"], "test": ["s0"]},
        "scores": {},
        "scored_on": {"speakers": 1, "utterances": 5},
        "elsewhere": {},
        "exists_from": "1",
        "limits": ["made of random weights"],
        "seen": seen or {},
    }
    tensor_file.save(path, tensors, {**described, **header})
    return path
