from __future__ import annotations

import os
from pathlib import Path

import pytest

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import publishing, read_json, sha256_of, write_json, write_text, writing


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a b.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="half"), writing(path) as partial:
        partial.write_text("ne")
        raise ValueError("half way")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a b.txt"]


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with pytest.raises(ValueError, match="half"), publishing(folder) as partial:
        (partial / "one").write_text("1")
        raise ValueError("half way")
    assert not folder.exists()
    with publishing(folder) as partial:
        assert list(partial.iterdir()) == []
        (partial / "one").write_text("1")
    assert (folder / "one").read_text() == "1"


def test_publishing_replaces_the_older_folder(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    for text in ("first", "second"):
        with publishing(folder) as partial:
            (partial / text).write_text(text)
    assert [file.name for file in folder.iterdir()] == ["second"]
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PhenovaeError, match="cannot write"):
        write_text(tmp_path / "x", "x")


def test_a_file_in_the_place_of_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PhenovaeError, match="cannot write"):
        write_text(tmp_path / "taken" / "x", "x")


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_json(path, {"a": 1})
    path.write_text(path.read_text()[:4])
    with pytest.raises(InputError, match=r"scores\.json cannot be read"):
        read_json(path)
    with pytest.raises(InputError, match=r"there is no none\.json"):
        read_json(tmp_path / "none.json")


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert sha256_of({"a": 1, "b": [1, 2]}) == sha256_of({"b": [1, 2], "a": 1})
    assert sha256_of({"a": 1}) != sha256_of({"a": 2})
