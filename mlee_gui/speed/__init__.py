"""Benchmarks of start-up, frames and stalls. They drive the whole window."""
