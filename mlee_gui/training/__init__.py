"""The page Training: form, queue, grid of cells, learning curves, logs."""
