from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.hub_server import Hub, hub_serving

from phenovae.base.errors import FetchError, UsageError
from phenovae.fetch.hub import check_push, push_folder

# The library's own way of sending a large file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, and a token in the environment that may write to it.

    Large files go by git's LFS: Xet's storage, which the library prefers, has no stand-in.
    """
    if importlib.util.find_spec("huggingface_hub") is not None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    with hub_serving() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a model"
    place.mkdir()
    (place / "README.md").write_text("---\ntags: [x]\n---\n# µ\n", encoding="utf-8")
    (place / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    return place


def test_a_folder_comes_to_the_hub_byte_for_byte_and_is_private(
    hub: Hub, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("huggingface_hub")
    caplog.set_level(logging.DEBUG)
    address = push_folder(folder, "owner/model", endpoint=hub.base, public=False)
    assert address == f"{hub.base}/owner/model"
    assert hub.private == {"owner/model": True}
    assert hub.files["owner/model"] == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()
    }
    assert "hf_right" not in caplog.text
    push_folder(folder, "owner/open", endpoint=hub.base, public=True)
    assert not hub.private["owner/open"]
    # A second time nothing is made anew, and a hub that is there stays private.
    push_folder(folder, "owner/model", endpoint=hub.base, public=True)
    assert hub.private == {"owner/model": True, "owner/open": False}


def test_a_hub_that_refuses_or_is_out_of_reach_is_told_of_without_the_token(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(FetchError, match="refused owner/model: HTTP 401") as refused:
        push_folder(folder, "owner/model", endpoint=hub.base, public=False)
    assert "HF_TOKEN" in str(refused.value)
    assert "hf_wrong" not in str(refused.value)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    hub.broken = True
    with pytest.raises(FetchError, match="HTTP 501"):
        push_folder(folder, "owner/model", endpoint=hub.base, public=False)
    with pytest.raises(FetchError, match="was not reached"):
        push_folder(folder, "owner/model", endpoint="http://127.0.0.1:9", public=False)
    assert hub.files == {}


def test_nothing_is_asked_without_a_token_a_name_or_a_safe_address(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("model", "owner/model/more", "owner/../x", "owner/mo del"):
        with pytest.raises(UsageError, match="names no model"):
            check_push(name, hub.base)
    with pytest.raises(UsageError, match="for anyone to read"):
        check_push("owner/model", "http://hub.example")
    with pytest.raises(UsageError, match="no address"):
        check_push("owner/model", "ftp://hub.example")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match="HF_TOKEN is not set"):
        check_push("owner/model", hub.base)
    assert hub.asked == []
