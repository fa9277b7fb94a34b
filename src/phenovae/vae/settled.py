"""Settings as fingerprints have them: what was trained before a key existed stays what it was."""

from __future__ import annotations

from collections.abc import Mapping

_LATER: Mapping[tuple[str, ...], object] = {
    ("train", "nodes"): 1,
    ("train", "resident"): "auto",
    ("train", "compile"): False,
    ("objective", "distillation", "momentum_epochs"): 0.0,
}
"""Keys that came after models had been trained, each with the value that changes nothing."""

FREE = frozenset({"device", "workers", "resident", "checkpoint_steps", "tensorboard", "nodes_wait"})
"""Keys of `train` that the model does not depend on."""


def settled(settings: Mapping[str, object]) -> dict[str, object]:
    """A tree of settings without keys that came later and are as before there were any."""
    found = dict(settings)
    for path, plain in _LATER.items():
        found = _without(found, path, plain)
    return found


def _without(tree: dict[str, object], path: tuple[str, ...], plain: object) -> dict[str, object]:
    key, *inner = path
    if key not in tree:
        return tree
    if not inner:
        return {name: each for name, each in tree.items() if name != key or each != plain}
    group = tree[key]
    if not isinstance(group, Mapping):
        return tree
    return {**tree, key: _without(dict(group), tuple(inner), plain)}
