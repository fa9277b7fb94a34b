"""What a machine says of itself when it joins a training, and what machines are called."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from phenovae.vae.wire import GoneError, Message

NOTE = "nodes.json"
"""In the run's folder: where the first machine listens, and the key that the others must have."""

ADDRESS = "PHENOVAE_ADDRESS"


@dataclass(frozen=True)
class Hello:
    """What a machine says of itself when it joins.

    `node` counts from 2, or 0 where any number will do; `launch` is the one command that started
    all, where there was one; `settings` are those that it was started with, flat, by key.
    """

    host: str
    node: int = 0
    launch: str = ""
    versions: Mapping[str, str] | None = None
    settings: Mapping[str, object] | None = None

    @classmethod
    def of(cls, said: Message) -> Hello:
        """From a message. Raises GoneError where it is none."""
        host, node, launch = said.get("host"), said.get("node"), said.get("launch")
        versions, settings = said.get("versions"), said.get("settings")
        if not (
            isinstance(host, str)
            and isinstance(node, int)
            and isinstance(launch, str)
            and isinstance(versions, dict | None)
            and isinstance(settings, dict | None)
        ):
            raise GoneError("what was said is no hello")
        return cls(host, node, launch, versions, settings)


def own_address() -> str:
    """The name by which other machines reach this one."""
    return (
        os.environ.get(ADDRESS) or os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    ).strip()


def node_name(node: int, nodes: int, host: str) -> str:
    """What a person calls a machine; `node` counts from 1."""
    return f"node {node} of {nodes} ({host})"
