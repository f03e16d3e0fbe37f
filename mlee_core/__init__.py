"""MLEE's core: votes, features, models, training and analysis. Works from a terminal, knows no Qt."""

import os

# Before torch is loaded: its threads wait for each other by spinning for milliseconds, which beside other
# work takes the core from the very thread they wait for (features then took 100 times as long). Ten
# microseconds are as quick on an idle machine; GNU's runtime itself takes them where it has too many threads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"
