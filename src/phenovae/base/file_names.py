"""Names from data as names of files, on any system, and back; and as anchors of a page."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

_SAFE = " -_.()+,="
_LONGEST, _DIGEST = 40, 8
_NOTHING = "%"
"""The empty name: no other begins with a sign that is alone."""


def quoted(name: str) -> str:
    """A name as one part of a path: what a file system may refuse becomes `%xx`."""
    text = quote(name, safe=_SAFE)
    if text.strip(". ") != text or not text:
        # Names of dots, and such as end in dots or blanks, mean something else to file systems.
        text = "".join(f"%{ord(sign):02X}" if sign in ". " else sign for sign in text) or _NOTHING
    return text


def unquoted(text: str) -> str:
    """The name that `quoted` made this of."""
    return "" if text == _NOTHING else unquote(text)


def readable(name: str, longest: int = _LONGEST) -> str:
    """A name as part of a file's name that people type and pages link to: `cdk1-2-inhibitor`.

    Small letters, digits and hyphens alone. Unlike `quoted`, two names may become one; a name
    that has no such sign becomes the beginning of its SHA-256.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:longest].strip("-")
    return plain or hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]


def slug(name: str) -> str:
    """A name as an anchor or id: lower-case ASCII letters, digits and hyphens, and its own.

    A name that is made of these already stays as it is; any other ends in a digest of itself, so
    that `A/B` and `A B` do not meet.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].rstrip("-")
    if plain and plain == name:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{plain}-{digest}" if plain else digest
