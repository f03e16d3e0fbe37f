"""The command line's parser."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as those about all other input."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mlee: {message} ({self.prog} --help lists what is allowed).\n")
