from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenovae.base.errors import (
    Fault,
    FaultsError,
    InputError,
    MissingExtraError,
    PhenovaeError,
    nearest,
)
from phenovae.base.seeds import generator, integer


@given(st.integers(0, 2**40), st.text(max_size=8), st.text(max_size=8))
def test_a_stream_depends_on_its_seed_and_name_alone(seed: int, one: str, other: str) -> None:
    assert integer(seed, one) == integer(seed, one)
    assert generator(seed, one).random() == generator(seed, one).random()
    if one != other:
        assert integer(seed, one) != integer(seed, other)
    assert integer(seed, one) != integer(seed + 1, one)


def test_names_do_not_run_together() -> None:
    assert integer(0, "ab", "c") != integer(0, "a", "bc")


def test_a_stream_is_the_same_in_every_release() -> None:
    assert integer(0, "train", "order", 3) == integer(0, "train", "order", "3")
    assert 0 <= integer(7, "twin") < 2**63


def test_an_error_says_what_where_and_how_to_mend() -> None:
    text = str(PhenovaeError("it broke", where="here", mend="glue it"))
    assert text.splitlines() == ["it broke", "  where: here", "  mend:  glue it"]
    assert "phenovae[umap]" in str(MissingExtraError("umap-learn", "umap", "the UMAP"))


def test_all_faults_are_told_at_once_with_their_place() -> None:
    faults = [
        Fault("dose is no number", "a.csv", row, "dose", "x", "write 0.3") for row in range(60)
    ]
    text = str(FaultsError("the table is damaged", faults))
    assert "(60 found)" in text
    assert "a.csv, line 3, column dose: dose is no number; found 'x'; mend: write 0.3" in text
    assert "and 10 more" in text


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    assert nearest("epoch", ["epochs", "batch"]) == "did you mean 'epochs'?"
    assert nearest("zzz", ["epochs", "batch"]) == "known: batch, epochs"


@pytest.mark.parametrize(
    "error",
    [
        InputError("no", where="here", mend="mend it"),
        MissingExtraError("h5py", "hdf5", "reading"),
        FaultsError("the table is faulty", [Fault("wrong", "a.csv", 2, "well", "Z99")]),
    ],
)
def test_an_error_of_another_process_comes_back_as_it_was(error: PhenovaeError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.exit_code == error.exit_code
