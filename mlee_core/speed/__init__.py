"""Benchmarks and their reference implementations."""
