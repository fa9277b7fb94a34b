"""A folder to a hub of models, as Hugging Face's or another that speaks as it does.

The token comes from the environment alone and goes nowhere but to the hub.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from phenovae.base.errors import FetchError, MissingExtraError, UsageError

TOKEN = "HF_TOKEN"  # noqa: S105  the name of a variable
ENDPOINT = "HF_ENDPOINT"
_HUB = "https://huggingface.co"
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_HERE = ("127.0.0.1", "localhost", "::1")
_REFUSED = (401, 403, 404)
_MAY_BE_THERE = (402, 403, 409)


def check_push(name: str, endpoint: str | None) -> str:
    """The address of the hub, if a folder may be pushed to it under this name.

    Raises UsageError where the name is none, no token is set, or the token would go over the
    network unencrypted; MissingExtraError where the hub's package is absent.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} names no model of a hub", mend="--push OWNER/NAME")
    address = (endpoint or os.environ.get(ENDPOINT) or _HUB).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError("this is no address of a hub", where=address, mend="https://HOST")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise UsageError(
            "the token would go to this hub for anyone to read", where=address, mend="https://…"
        )
    if not os.environ.get(TOKEN):
        raise UsageError(
            f"a hub asks who pushes, and {TOKEN} is not set",
            mend=f"set {TOKEN} in the environment to a token that may write",
        )
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "pushing to a hub") from None
    return address


def push_folder(folder: Path, name: str, *, endpoint: str | None = None, public: bool) -> str:
    """Push all files of a folder to a model of a hub, made if need be; return its address.

    A model that is made is private unless `public`; one that is there stays as it is. Raises as
    `check_push`, and FetchError where the hub refuses or cannot be reached.
    """
    address = check_push(name, endpoint)
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    hub = HfApi(endpoint=address, token=os.environ[TOKEN], library_name="phenovae")
    try:
        try:
            hub.create_repo(name, private=not public)
        except HfHubHTTPError as error:
            # There already, or the token may write to it and may make none: the push will tell.
            if error.response.status_code not in _MAY_BE_THERE:
                raise
        # One commit, where a folder may become several: a model is there whole or not.
        hub.create_commit(
            name,
            [CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir())],
            commit_message="Share a model of phenovae",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        refused = status in _REFUSED
        raise FetchError(
            f"the hub refused {name}: HTTP {status}"
            + (f", {error.server_message}" if error.server_message else ""),
            where=address,
            mend=f"a token in {TOKEN} that may write there, and a name that is yours"
            if refused
            else "try again later; nothing else is lost",
        ) from None
    except (httpx2.HTTPError, OfflineModeIsEnabled, OSError, RuntimeError) as error:
        # RuntimeError is how the library tells that a large file did not arrive.
        raise FetchError(
            f"the hub was not reached, or not to the end: {error}",
            where=address,
            mend="check the network, a proxy, HF_HUB_OFFLINE and the address; the folder is whole",
        ) from None
    return f"{address}/{name}"
