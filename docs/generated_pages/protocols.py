"""Every protocol that comes with phenovae, in the sentences that the protocols verb says."""

from __future__ import annotations

from generated_pages.markdown import escaped
from phenovae.evaluate.explain import explain
from phenovae.evaluate.protocol import load_protocol, protocol_labels


def protocols_page() -> str:
    """A section for each protocol: what it is for, then what is done, in order."""
    parts = []
    for label in protocol_labels():
        protocol = load_protocol(label)
        parts.append(f"## `{label}`\n\n{escaped(protocol.summary)}\n")
        parts += [f"- **{escaped(what)}**: {escaped(how)}" for what, how in explain(protocol)]
        parts.append("")
    return "\n".join(parts)
