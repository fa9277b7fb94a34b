"""`phenovae` in a process that ends itself at a chosen moment.

Run as a program: `killed.py SIGNAL MOMENT:N ARGUMENTS…` sends itself the signal at the N-th event,
counted from 0. Moments: `import` (a block of crops written), `step` (of the training), `latents`
(a block of embeddings), `publish` (an output renamed into place).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path


def _counted(function: Callable[..., object], at: int, number: int) -> Callable[..., object]:
    count = 0

    def wrapper(*arguments: object, **named: object) -> object:
        nonlocal count
        count += 1
        if count == at + 1:
            os.kill(os.getpid(), number)
        return function(*arguments, **named)

    return wrapper


def _owner(moment: str) -> tuple[object, str]:
    if moment == "import":
        from phenovae.cells.shards import ShardWriter

        return ShardWriter, "append"
    if moment == "step":
        from phenovae.vae.stepper import Stepper

        return Stepper, "step"
    if moment == "latents":
        from phenovae.vae import blocks

        return blocks, "_embeddings"
    return Path, "replace"


def main() -> None:
    from phenovae.cli.main import main as phenovae

    number, moment = sys.argv[1:3]
    name, _, at = moment.partition(":")
    owner, attribute = _owner(name)
    event = _counted(getattr(owner, attribute), int(at), signal.Signals[number])
    setattr(owner, attribute, event)
    sys.argv[1:3] = []
    phenovae()


if __name__ == "__main__":
    main()
