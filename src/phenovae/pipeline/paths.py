"""Names of what lies in a run's folder."""

from __future__ import annotations

TWIN = "twin"
SITES = "sites.parquet"
CELLS = "cells"
IMPORT = "import.json"
ERRORS = "errors.parquet"
SPLITS = "splits.parquet"
MODEL = "model"
EMBEDDINGS = "embeddings.parquet"
PROFILES = "profiles.parquet"
SCORES = "scores.json"
REPORT = "report.html"
NEIGHBOURS = "neighbours.parquet"
