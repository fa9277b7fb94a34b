"""Train a variational autoencoder, embed every cell, score the treatments, write the report.

    python train_vae.py                                     # goes on from preprocess.py
    python train_vae.py --set model.size=large --set train.epochs=40

Prepares the data first if preprocess.py has not; the same as `phenovae run`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from phenovae.cli.scripts import train_vae

if __name__ == "__main__":
    train_vae()
