"""How a command ends: its exit code, and errors as a person or a program can read them."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from phenovae.base.errors import PhenovaeError

_FAILED, _INTERRUPTED = 1, 130
_LOCALE = (
    "this locale cannot write {0!r}, which is in a path or a name\n"
    "  mend:  set PYTHONUTF8=1, or a locale such as LC_ALL=C.UTF-8"
)
_STOPPED = "stopped; what is finished is kept, the same command goes on from there"


def run_to_end(app: Callable[[], object]) -> NoReturn:
    """Run a command and exit: 0 done, 1 failed, 2 wrong usage, 3 an input unread, 130 stopped.

    A traceback is shown with `--debug` alone.
    """
    debug = "--debug" in sys.argv
    _settle_streams()
    try:
        app()
    except SystemExit as end:
        # Typer turns Ctrl-C into this code and says nothing.
        if end.code == _INTERRUPTED:
            _tell(_STOPPED, debug=debug)
        raise
    except KeyboardInterrupt:
        _tell(_STOPPED, debug=debug)
        sys.exit(_INTERRUPTED)
    except PhenovaeError as error:
        _tell(str(error), debug=debug)
        sys.exit(error.exit_code)
    except UnicodeEncodeError as error:
        _tell(_LOCALE.format(error.object[error.start : error.end]), debug=debug)
        sys.exit(_FAILED)
    except Exception as error:  # noqa: BLE001  the last net: a traceback only for who asks
        mend = "" if debug else "\n  mend:  run again with --debug and report what it shows"
        _tell(f"unexpected {type(error).__name__}: {error}{mend}", debug=debug)
        sys.exit(_FAILED)
    sys.exit(0)


def _tell(text: str, *, debug: bool) -> None:
    logger = logging.getLogger("phenovae")
    if logger.handlers:
        logger.error("%s", text, exc_info=debug)
    else:
        sys.stderr.write(f"error: {text}\n")


def _settle_streams() -> None:
    """Keep µ and names of files from ending a command where the locale cannot write them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="surrogateescape")
