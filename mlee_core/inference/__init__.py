"""Analysis of recordings: model files, the analyzer, its results and its worker process."""
