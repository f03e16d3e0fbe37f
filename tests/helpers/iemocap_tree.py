"""A small IEMOCAP as its release lies on a disk, with every oddity of it."""

from __future__ import annotations

from pathlib import Path

HEADER = b"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"

FIRST = b"""\
[12.0000 - 14.5000]\tSes01F_impro01_M000\txxx\t[2.5000, 2.5000, 2.5000]
A-E1:\tval 3; act 2; dom  2;\t()
C-E1:\tHappiness;\t()
C-E2:\tExcited;\t()
C-E3:\tNeutral state;\t()
C-M1:\tExcited;\t()

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-F1:\tHappiness;\t()
C-E2:\tNeutral; Frustration;\t(na\xefve \x85 (really))
A-E3:\tval 3; act 2; dom  2;\t(calm,
then not)
C-E1:\tNeutral;\t()
C-E3:\tExcited;\t()


[20 - 21.5]\tSes01F_impro01_F001\texc\t[4.5, 4.0, 3.0]
C-E1:\tExcited;\t()
C-E2:\tExcited; Happiness; Excited;\t()
C-E4:\tHappiness\t()

[22.0 - 23.0]\tSes01F_impro01_M001\tneu\t[2.5, 2.5, 2.5]
C-M1:\tNeutral;\t()

[24.0 - 25.0]\tSes01F_impro01_F002\tsad\t[2.0, 2.0, 2.0]
C-E1:\tSadness;\t()
C-E2:\t\t()

[26.0 - 27.0]\tSes01F_impro01_M002\tang\t[1.5, 4.0, 4.0]
C-E1:\tAnger;\t(threatening,
belligerent)
C-E2:\tAnger; Disgust; Other;\t()
C-E3:\tAnger;\t()
"""
SCRIPTED = b"""\
[1.0 - 2.0]\tSes01F_script01_1_F000\tfru\t[2.0, 2.0, 2.0]
C-E1:\tFrustration;\t()
C-E2:\tFrustration;\t()
C-E3:\tAnger;\t()
"""
SECOND = b"""\
[0.5 - 2.0]\tSes02M_impro02_M000\thap\t[4.0, 3.0, 3.0]
C-E1:\tHappiness;\t()
C-E2:\tHappiness;\t()
C-E4:\tSurprise; Fear;\t()
"""


def release(root: Path, dialogs: dict[str, bytes]) -> Path:
    """An IEMOCAP at `root` with these dialogs, by name."""
    for name, content in dialogs.items():
        folder = root / f"Session{int(name[3:5])}" / "dialog" / "EmoEvaluation"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_bytes(content)
    return root


def small_release(folder: Path) -> Path:
    """Two sessions, one scripted dialog, and what else lies about in a copy of the release."""
    root = release(
        folder / "IEMOCAP_full_release",
        {
            "Ses01F_impro01": HEADER + FIRST.replace(b"\n", b"\r\n"),
            "Ses01F_script01_1": HEADER + SCRIPTED,
            "Ses02M_impro02": HEADER + SECOND,
        },
    )
    folder = root / "Session1" / "dialog" / "EmoEvaluation"
    (folder / "._Ses01F_impro01.txt").write_bytes(b"\0\5\x16\7Mac OS X")
    (folder / "Categorical").mkdir()
    (folder / "Categorical" / "Ses01F_impro01_e2_cat.txt").write_bytes(b"Ses01F_impro01_F000 :Neutral; ()")
    (folder / "impro.txt").mkdir()
    (root / "Session1" / "sentences").mkdir()
    (root / "Documentation").mkdir()
    (root / "README.txt").write_bytes(b"IEMOCAP")
    return root
