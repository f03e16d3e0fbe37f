"""Plots and panels of one recording. They know neither session nor worker."""
