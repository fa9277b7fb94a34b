"""The server: bound to this machine alone, up until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tornado.httpserver import HTTPServer

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.explore.answers import Answers
from phenovae.explore.guard import Guard
from phenovae.explore.handlers import Desk, application
from phenovae.explore.page import check_bokeh

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_THREADS = 4
_LONGEST_HEADER = 16 << 10


def bound(port: int) -> socket.socket:
    """A socket that listens on this machine alone; port 0 takes any that is free.

    Raises PhenovaeError where the port is taken, UsageError where it may not be had.
    """
    check_bokeh()
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise PhenovaeError(
                f"port {port} is taken by another program, perhaps another explorer",
                mend="choose another with --port, or --port 0 for any that is free",
            ) from error
        raise UsageError(
            f"port {port} cannot be listened on: {error}",
            mend="choose one from 1024 to 65535 with --port, or --port 0 for any that is free",
        ) from error
    listening.settimeout(0.0)
    return listening


def serve(
    answers: Answers, listening: socket.socket, tell: Callable[[str], None], *, browser: bool
) -> None:
    """Answer until stopped; `tell` is given the address once it answers."""
    asyncio.run(_serve(answers, listening, tell, browser=browser))


async def _serve(
    answers: Answers, listening: socket.socket, tell: Callable[[str], None], *, browser: bool
) -> None:
    guard = Guard(int(listening.getsockname()[1]))
    # Addresses hold the token; they are no matter for a log.
    logging.getLogger("tornado.access").disabled = True
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="phenovae-answer") as pool:
        server = HTTPServer(
            application(Desk(answers, guard, pool)), max_header_size=_LONGEST_HEADER
        )
        server.add_socket(listening)
        tell(guard.address)
        pool.submit(_warmed, answers)
        if browser:
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, guard.address)
        try:
            await asyncio.Event().wait()
        finally:
            server.stop()
            answers.close()
            pool.shutdown(wait=False, cancel_futures=True)


def _warmed(answers: Answers) -> None:
    try:
        answers.warm_up()
    except PhenovaeError as error:
        # The page tells it to who moves a slider; the map does without.
        logger.warning("nothing can be decoded: %s", error.what)
