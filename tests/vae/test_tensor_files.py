from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.vae.tensor_files import read_tensors, write_tensors

TENSORS = {
    "b": torch.arange(6.0).reshape(2, 3),
    "a": torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    "step": torch.tensor(3.0),
    "none": torch.zeros(0, 2),
}
NOTE = {"who": "µ", "numbers": [0.1, 1e-300, None]}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder with blanks" / "x.safetensors"
    write_tensors(path, TENSORS, NOTE)
    tensors, note = read_tensors(path)
    assert note == NOTE
    assert set(tensors) == set(TENSORS)
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)


def test_equal_contents_give_equal_bytes_whatever_the_order(tmp_path: Path) -> None:
    write_tensors(tmp_path / "one", TENSORS, NOTE)
    write_tensors(tmp_path / "two", dict(reversed(TENSORS.items())), NOTE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_anywhere_is_noticed(tmp_path: Path, share: float) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, NOTE)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError):
        read_tensors(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_read_as_other_numbers(
    tmp_path: Path, share: float, bit: int
) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, NOTE)
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1 << bit
    path.write_bytes(data)
    try:
        tensors, note = read_tensors(path)
    except InputError:
        return
    assert note == NOTE
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_a_full_disk_leaves_the_older_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, NOTE)
    before = path.read_bytes()

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PhenovaeError, match="No space left on device"):
        write_tensors(path, TENSORS, {}, keep=tmp_path / "kept")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["x.safetensors"]


def test_the_older_file_is_kept_under_another_name(tmp_path: Path) -> None:
    path, kept = tmp_path / "x", tmp_path / "x.previous"
    write_tensors(path, TENSORS, "first", keep=kept)
    assert not kept.exists()
    write_tensors(path, TENSORS, "second", keep=kept)
    assert read_tensors(kept)[1] == "first"
    assert read_tensors(path)[1] == "second"


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no whole file"):
        read_tensors(path)


def test_a_safetensors_file_of_others_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "x")
    with pytest.raises(InputError, match="no whole file"):
        read_tensors(tmp_path / "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no x"):
        read_tensors(tmp_path / "x")
