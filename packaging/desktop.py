"""Adds MLEE to the desktop's menu, or removes it, for this user only.

    .venv/bin/python packaging/desktop.py install | remove

The entry starts the `mlee-gui` of the environment that runs this script, by its full path.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_data_path

ROOT = Path(__file__).resolve().parents[1]
ENTRY = ROOT / "packaging" / "mlee.desktop"
ICONS = ROOT / "resources" / "icons"


def main(arguments: Sequence[str]) -> int:
    data = user_data_path()
    actions = {"install": install, "remove": remove}
    if len(arguments) != 1 or arguments[0] not in actions:
        print(f"usage: desktop.py {' | '.join(actions)}", file=sys.stderr)
        return 2
    for file in actions[arguments[0]](data, Path(sys.executable).parent / "mlee-gui"):
        print(file)
    return 0


def targets(data: Path) -> dict[Path, Path]:
    """Where each icon goes in the hicolor theme under `data`: target -> source."""
    theme = data / "icons" / "hicolor"
    found = {theme / "scalable" / "apps" / "mlee.svg": ICONS / "mlee.svg"}
    for source in sorted(ICONS.glob("mlee-*.png")):
        size = source.stem.removeprefix("mlee-")
        found[theme / f"{size}x{size}" / "apps" / "mlee.png"] = source
    return found


def install(data: Path, program: Path) -> list[Path]:
    """Write the entry and the icons under `data`; returns what was written."""
    entry = data / "applications" / "mlee.desktop"
    icons = targets(data)
    for target, source in icons.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    entry.parent.mkdir(parents=True, exist_ok=True)
    quoted = str(program).replace("\\", r"\\\\").replace('"', r"\\\"").replace("$", r"\\$").replace("%", "%%")
    text = ENTRY.read_text(encoding="utf-8").replace("Exec=mlee-gui ", f'Exec="{quoted}" ')
    entry.write_text(text, encoding="utf-8")
    return [entry, *icons]


def remove(data: Path, _program: Path) -> list[Path]:
    """Delete what `install` wrote; returns what existed."""
    existing = [file for file in (data / "applications" / "mlee.desktop", *targets(data)) if file.exists()]
    for file in existing:
        file.unlink()
    return existing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
