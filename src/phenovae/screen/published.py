"""A result that others have published of a screen."""

from __future__ import annotations

from phenovae.base.options import Options


class Published(Options):
    """One published result; shares in per cent."""

    work: str
    nsc: float | None = None
    nsc_count: str = ""
    nscb: float | None = None
    nscb_count: str = ""
    source: str
    caveat: str
