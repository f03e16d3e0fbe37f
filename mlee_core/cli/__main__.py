"""`python -m mlee_core.cli`: the same as `mlee`."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
