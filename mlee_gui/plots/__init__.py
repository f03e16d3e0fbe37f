"""Plots of the window, painted with QPainter on plain data: they know neither session nor worker."""
