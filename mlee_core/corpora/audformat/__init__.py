"""Corpora in the audformat layout: reading its tables and foreign databases."""
