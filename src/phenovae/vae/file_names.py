"""Names of what lies in a model's folder, for readers that need no torch as well."""

from __future__ import annotations

WEIGHTS = "model.safetensors"
READOUT = "readout.safetensors"
CARD = "model.json"
HISTORY = "history.csv"
DIAGNOSTICS = "diagnostics.json"
PICTURES = "pictures.npz"
CHECKPOINTS = "checkpoints"
BOARD = "tensorboard"
ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
