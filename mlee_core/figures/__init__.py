"""Figures for publication: Figure 3 of a recording, the statistics of a corpus. Uses matplotlib."""
