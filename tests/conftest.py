"""Where the tests find public data, if they have any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; tests that need it are skipped without it."""
    named = os.environ.get("PHENOVAE_TEST_DATA")
    if not named:
        pytest.skip("PHENOVAE_TEST_DATA names no folder of public data")
    return Path(named)
