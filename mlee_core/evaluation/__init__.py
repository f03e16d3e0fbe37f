"""Scores, calibration and confidence intervals."""
