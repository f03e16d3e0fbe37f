"""MLEE's core: votes, features, models, training and analysis. Works from a terminal, knows no Qt."""

import os

# Before torch is loaded: its threads wait for each other by spinning for milliseconds, which beside other work
# takes the core from the very thread they wait for (features then took 100 times as long). Ten microseconds
# of it are as quick on an idle machine; it is what GNU's runtime takes itself where it has too many threads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"
