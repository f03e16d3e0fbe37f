"""A database as others publish them, for the tests of audformat."""

from __future__ import annotations

from pathlib import Path

import audformat
import pandas as pd

FILES = ["wav/a.wav", "wav/b.wav", "wav/c.wav", "wav/d.wav"]


def foreign() -> audformat.Database:
    """A database as audEERING publishes EmoDB: labels and speakers in tables of their own."""
    db = audformat.Database("some-db", source="somewhere", usage=audformat.define.Usage.UNRESTRICTED)
    db.schemes["emotion"] = audformat.Scheme(labels={"anger": {"valence": -1}, "boredom": {}, "neutral": {}})
    db.schemes["confidence"] = audformat.Scheme("float", minimum=0, maximum=1)
    db.schemes["speaker"] = audformat.Scheme(labels={3: {"gender": "male"}, 8: {"gender": "female"}})
    db.schemes["duration"] = audformat.Scheme("time")
    emotion = db["emotion"] = audformat.Table(audformat.filewise_index(FILES))
    emotion["emotion"] = audformat.Column(scheme_id="emotion")
    emotion["emotion"].set(["anger", "boredom", None, "neutral"])
    emotion["emotion.confidence"] = audformat.Column(scheme_id="confidence")
    emotion["emotion.confidence"].set([0.9, 1.0, 0.1, None])
    files = db["files"] = audformat.Table(audformat.filewise_index(FILES[::-1]))
    files["speaker"] = audformat.Column(scheme_id="speaker")
    files["speaker"].set([8, 8, 3, 3])
    files["duration"] = audformat.Column(scheme_id="duration")
    files["duration"].set([pd.Timedelta(seconds=s) for s in (90061.25, 2, 1.8982, 0.5)])
    train = db["emotion.categories.train"] = audformat.Table(audformat.filewise_index(FILES[1:3]))
    train["emotion"] = audformat.Column(scheme_id="emotion")
    train["emotion"].set(["boredom", None])
    return db


def saved(folder: Path, db: audformat.Database, storage: str = "parquet") -> Path:
    db.save(str(folder), storage_format=storage)
    return folder
