"""One training loop, with its features, batches, losses and devices. Knows no run folder."""
