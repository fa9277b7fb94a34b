"""Names of plates and fields as names of files, on any system, and back."""

from __future__ import annotations

from urllib.parse import quote, unquote

_SAFE = " -_.()+,="
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
