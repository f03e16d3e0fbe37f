"""Experiments: from a specification to trained cells; planning, engines, model files."""
