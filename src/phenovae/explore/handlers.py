"""The server's answers: a page, its files, and the API, each behind the guard."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tornado.web import Application, HTTPError, RequestHandler

from phenovae.base.errors import PhenovaeError
from phenovae.explore.answers import Answers
from phenovae.explore.guard import HEADERS, Guard
from phenovae.explore.levels import LEVELS, LevelName
from phenovae.explore.page import KINDS, bokeh_asset, own_asset, page
from phenovae.explore.waiting import StillWorkingError

Found = TypeVar("Found")

_STAY = "private, max-age=3600"
_LONGEST = 2000
_MOST_OFFSETS = 4096


@dataclass(frozen=True)
class Desk:
    """What handlers work with: the run, the guard, threads for what takes time."""

    answers: Answers
    guard: Guard
    pool: ThreadPoolExecutor


class Guarded(RequestHandler):
    """Answers GET, to who knows the token, and by the right name of this machine."""

    SUPPORTED_METHODS = ("GET",)

    def initialize(self, desk: Desk) -> None:
        """Take the desk; the request has not been looked at yet."""
        self.desk = desk
        self.gone = False

    def set_default_headers(self) -> None:
        """What every answer says, refusals too."""
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse names that are not this machine's (421), and who has no token (403)."""
        guard = self.desk.guard
        if not guard.knows_host(self.request.headers.get("Host", "")):
            raise HTTPError(421, reason="Misdirected Request")
        given = self.get_query_argument("token", None)
        if given is not None and guard.admits(given):
            self.set_cookie(guard.cookie, guard.token, httponly=True, samesite="Strict", path="/")
            return
        if not guard.admits(self.get_cookie(guard.cookie) or ""):
            raise HTTPError(403)

    def on_connection_close(self) -> None:
        """Remember that nobody waits for the answer any more."""
        self.gone = True

    def write_error(self, status_code: int, **named: object) -> None:
        """A refusal in a sentence, as text."""
        del named
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        said = {
            403: "Open the address that phenovae explore has printed: it ends in a token.",
            404: "There is no such thing here.",
            405: "Only GET is answered.",
            421: "This server answers to 127.0.0.1 alone.",
        }
        self.finish(said.get(status_code, "That did not work.") + "\n")

    async def aside(self, work: Callable[[], Found]) -> Found:
        """Do work in a thread, unless nobody waits for it by then."""

        def unless_gone() -> Found:
            if self.gone:
                raise ConnectionAbortedError
            return work()

        return await asyncio.get_running_loop().run_in_executor(self.desk.pool, unless_gone)

    def row(self) -> int:
        """The store's row that is asked about."""
        return self.whole("row")

    def whole(self, name: str) -> int:
        """A whole number of the query. Raises HTTPError (400) where it is none."""
        text = self.get_query_argument(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise HTTPError(400)
        return int(text)

    def send_json(self, told: object) -> None:
        """An answer as JSON, NaN refused."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(told, allow_nan=False, separators=(",", ":")))

    async def send_found(self, work: Callable[[], object]) -> None:
        """What work finds as JSON; 202 with what is under way, 404 with why there is nothing."""
        try:
            self.send_json(await self.aside(work))
        except StillWorkingError as still:
            self.set_status(202)
            self.send_json({"working": still.what})
        except PhenovaeError as error:
            self.set_status(404)
            self.send_json({"error": error.what})
        except ConnectionAbortedError:
            return


class PageHandler(Guarded):
    """The page."""

    def get(self) -> None:
        """The page, the same for every address of it."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page(f"{self.desk.answers.opened.name} - phenovae"))


class FileHandler(Guarded):
    """Files of the page, by names that are known; nothing else of any folder."""

    def get(self, room: str, name: str) -> None:
        """One file of ours, or of BokehJS."""
        try:
            content = own_asset(name) if room == "assets" else bokeh_asset(name).read_bytes()
        except KeyError:
            raise HTTPError(404) from None
        kind = KINDS[name[name.rindex(".") :]]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.set_header("Cache-Control", _STAY if room == "bokeh" else "no-cache")
        self.finish(content)


class StartHandler(Guarded):
    """What there is to see."""

    async def get(self) -> None:
        """Levels, planes, columns, channels, latents, treatments."""
        await self.send_found(self.desk.answers.start)


class LevelHandler(Guarded):
    """The points of a level, one of their planes, one of their columns."""

    async def get(self, what: str) -> None:
        """`level`, `plane` or `column`, by the query's `level` and `name`."""
        level = self._level()
        name = self.get_query_argument("name", "", strip=False)
        if len(name) > _LONGEST:
            raise HTTPError(400)
        answers = self.desk.answers
        work: dict[str, Callable[[], object]] = {
            "level": lambda: answers.level(level),
            "plane": lambda: answers.plane(level, name),
            "column": lambda: answers.column(level, name),
        }
        await self.send_found(work[what])

    def _level(self) -> LevelName:
        asked = self.get_query_argument("level", "")
        for name in LEVELS:
            if name == asked:
                return name
        raise HTTPError(400)


class CellHandler(Guarded):
    """What is known of a cell, its field, its latents."""

    async def get(self, what: str) -> None:
        """`cell`, `field` or `latents`, by the query's `row`."""
        row, answers = self.row(), self.desk.answers
        work: dict[str, Callable[[], object]] = {
            "cell": lambda: answers.cell(row),
            "field": lambda: answers.field(row),
            "latents": lambda: answers.latents(row),
        }
        await self.send_found(work[what])


class CropHandler(Guarded):
    """One cell as a grey PNG, its channels one below the other."""

    async def get(self) -> None:
        """The crop of the query's `row`."""
        row = self.row()
        try:
            content = await self.aside(lambda: self.desk.answers.png(row))
        except ConnectionAbortedError:
            return
        except PhenovaeError:
            raise HTTPError(404) from None
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", _STAY)
        self.finish(content)


class DecodeHandler(Guarded):
    """A cell decoded from latents, as bytes: planes of (channel, height, width)."""

    async def get(self) -> None:
        """`row`; `z` as `3:1.25,5:-2`; `toward` a treatment's number and `share` of the way."""
        row, answers = self.row(), self.desk.answers
        offsets = _offsets(self.get_query_argument("z", ""))
        toward = self.whole("toward") if self.get_query_argument("toward", "") else None
        share = _number(self.get_query_argument("share", "0"))
        started = time.perf_counter()
        try:
            planes = await self.aside(lambda: answers.decoded(row, offsets, toward, share))
        except ConnectionAbortedError:
            return
        except PhenovaeError as error:
            self.set_status(404)
            self.send_json({"error": error.what})
            return
        spent = 1000 * (time.perf_counter() - started)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Server-Timing", f"decode;dur={spent:.1f}")
        self.finish(planes.tobytes())


class NothingHandler(Guarded):
    """Every other address."""

    def get(self) -> None:
        """Nothing."""
        raise HTTPError(404)


def application(desk: Desk) -> Application:
    """All addresses of the server."""
    own = {"desk": desk}
    return Application(
        [
            (r"/", PageHandler, own),
            (r"/(assets|bokeh)/([A-Za-z0-9.-]+)", FileHandler, own),
            (r"/api/start", StartHandler, own),
            (r"/api/(level|plane|column)", LevelHandler, own),
            (r"/api/(cell|field|latents)", CellHandler, own),
            (r"/api/crop", CropHandler, own),
            (r"/api/decode", DecodeHandler, own),
        ],
        default_handler_class=NothingHandler,
        default_handler_args=own,
        compress_response=True,
        log_function=_unlogged,
    )


def _unlogged(handler: RequestHandler) -> None:
    # Tornado would write every address to standard error, the token with it.
    del handler


def _offsets(text: str) -> dict[int, float]:
    """`3:1.25,5:-2` as numbers of latents and what they are set to. Raises HTTPError (400)."""
    found: dict[int, float] = {}
    parts = text.split(",") if text else []
    if len(parts) > _MOST_OFFSETS:
        raise HTTPError(400)
    for part in parts:
        number, _, value = part.partition(":")
        if not (number.isascii() and number.isdigit() and len(number) <= 6):
            raise HTTPError(400)
        found[int(number)] = _number(value)
    return found


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise HTTPError(400) from None
    if not -1e6 < value < 1e6:
        raise HTTPError(400)
    return value
