"""The command line's parser."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose error messages are one line."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("the following arguments are required"):
            message += "; an option with several values, such as --set, takes all up to the next option"
        self.exit(2, f"mlee: {message} ({self.prog} --help lists what is allowed).\n")
