"""MLEE's core: votes, features, models, training and analysis. Works from a terminal, knows no Qt."""

__version__ = "0.1.0"
