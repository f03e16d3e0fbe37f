"""Plots and panels of one recording. Only the presenter knows session and player."""
