"""Prepare single cells for training: import them, or draw a synthetic screen.

    python preprocess.py                                    # on the synthetic twin
    python preprocess.py --crops FOLDER --metadata CSV      # on a single-cell data set

The same as the first stages of `phenovae run`; `python train_vae.py` goes on from here.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from phenovae.cli.scripts import preprocess

if __name__ == "__main__":
    preprocess()
