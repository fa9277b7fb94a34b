"""One request by HTTP: the answer, a fault that may pass, or an error that stays."""

from __future__ import annotations

import http.client
import math
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import IO
from urllib.parse import quote, urlsplit, urlunsplit

from phenovae import __version__
from phenovae.base.errors import FetchError, UsageError

_SCHEMES = ("http", "https")
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class PassingFaultError(Exception):
    """A fault that may pass; `wait_s` is how long the server asks to wait, if it does."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        self.reason = reason
        self.wait_s = wait_s
        super().__init__(reason)


def checked_base(base: str) -> str:
    """A base address that ends with a slash. Raises UsageError where it is none of a web server."""
    try:
        parts = urlsplit(base.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"this is no address: {error}", where=base) from error
    if parts.scheme not in _SCHEMES or not host:
        raise UsageError(
            "this is no address of a web server",
            where=base,
            mend="write it as https://HOST/FOLDER/",
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            "the base address holds a user, a query or a fragment, to which no file's name can "
            "be added",
            where=base,
            mend="write it as https://HOST/FOLDER/",
        )
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") + "/", "", ""))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to another place, never from https to what anyone may read."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in _SCHEMES or (req.type == "https" and scheme == "http"):
            raise FetchError(
                f"the server sends us on to {newurl}, which is not followed", where=req.full_url
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Made by hand: the usual one also opens files and FTP.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def ask(
    url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> http.client.HTTPResponse:
    """Send one request; the answer is of status 200 or 206 and to be closed.

    Raises PassingFaultError where another try may help, RangeError for status 416, and FetchError.
    """
    told = {
        "User-Agent": f"phenovae/{__version__}",
        "Accept-Encoding": "identity",
        **(headers or {}),
    }
    request = urllib.request.Request(url, headers=told, method=method)  # noqa: S310  http(s) alone: the opener knows no other
    try:
        answer = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _of_status(error, url) from error
    except urllib.error.URLError as error:
        raise _of_connection(error.reason, url) from error
    except (OSError, http.client.HTTPException) as error:
        raise _of_connection(error, url) from error
    if not isinstance(answer, http.client.HTTPResponse):
        raise FetchError("no address of a web server", where=url)
    encoding = answer.headers.get("Content-Encoding", "identity")
    if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT) or encoding != "identity":
        answer.close()
        what = f"status {answer.status}, encoding {encoding}"
        raise FetchError(f"the server answers as it was not asked to: {what}", where=url)
    return answer


class RangeError(Exception):
    """The server has no bytes from there on (status 416)."""


def _of_status(error: urllib.error.HTTPError, url: str) -> Exception:
    status = error.code
    said = f"the server answers {status} {error.reason}".rstrip()
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return RangeError(said)
    if status in _PASSING:
        return PassingFaultError(said, _retry_after(error.headers.get("Retry-After")))
    if status == HTTPStatus.NOT_FOUND:
        return FetchError("the server has no such file", where=url, mend="check the base address")
    return FetchError(said, where=url)


def _of_connection(reason: object, url: str) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return FetchError(
            f"the server's certificate is not trusted: {reason.verify_message}",
            where=url,
            mend="check the address and this machine's clock and certificates",
        )
    if isinstance(reason, http.client.InvalidURL | UnicodeError):
        return FetchError(f"this is no address: {reason}", where=url)
    return PassingFaultError(reason_of(reason))


def reason_of(error: object) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the server closes the connection without an answer"
    if isinstance(error, OSError) and error.strerror:
        return f"no connection: {error.strerror}"
    text = str(error) or type(error).__name__
    return f"no connection: {text}"


def _retry_after(text: str | None) -> float | None:
    """Seconds that a server asks to wait, told as a number or as a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
