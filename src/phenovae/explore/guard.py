"""Who may ask: this machine, by the right name, with the token that was printed."""

from __future__ import annotations

import hmac
import secrets

COOKIE = "phenovae-explore"

HEADERS = {
    # Scripts are files of this server alone; BokehJS writes style sheets of its own.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """The secret of one start, and the names that its server goes by."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self.port = port

    @property
    def cookie(self) -> str:
        """Name of the cookie; ports share cookies in a browser, and explorers may be several."""
        return f"{COOKIE}-{self.port}"

    @property
    def address(self) -> str:
        """The address to open."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def knows_host(self, host: str) -> bool:
        """Whether a request names this server as only this machine would.

        A page of another site that has its name resolved to this machine sends its own name.
        """
        return host.lower() in (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    def admits(self, token: str) -> bool:
        """Whether this is the token, compared in constant time."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
