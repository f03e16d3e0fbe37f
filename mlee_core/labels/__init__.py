"""Votes of annotators and the targets derived from them."""
