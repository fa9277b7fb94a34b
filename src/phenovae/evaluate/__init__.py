"""Which drugs do the same thing: protocols, scores, statistics, probe and baselines."""
