"""Everything that can be chosen, as frozen dataclasses that refuse contradictions. No torch."""
