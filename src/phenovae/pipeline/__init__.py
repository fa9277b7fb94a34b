"""The stages of a run: configuration, fingerprints, journal, resume."""
