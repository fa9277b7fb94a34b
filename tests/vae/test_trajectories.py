from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenovae.vae.trajectories import chance_of_shift, dose_shifts


def screen(rows: list[tuple[str, str, float, float]]) -> tuple[np.ndarray, pd.DataFrame]:
    """Cells of (plate, batch, dose, latent); dose 0 is untreated."""
    table = pd.DataFrame(
        rows, columns=["Metadata_Plate", "Metadata_Batch", "Metadata_Concentration", "z"]
    )
    return table[["z"]].to_numpy(dtype=float), table


def test_treated_cells_are_compared_with_the_untreated_ones_of_their_plate() -> None:
    # Plates differ by 100, the drug adds 1 at dose 1 and 3 at dose 2.
    latents, table = screen(
        [
            ("A", "x", 0, 0), ("A", "x", 0, 0), ("B", "x", 0, 100), ("B", "x", 0, 100),
            ("A", "x", 1, 1), ("B", "x", 1, 101), ("B", "x", 1, 101), ("B", "x", 2, 103),
        ]
    )  # fmt: skip
    treated = (table["Metadata_Concentration"] > 0).to_numpy()
    one, two = dose_shifts(latents, table, treated, ~treated, fewest=2)
    assert (one.concentration, one.cells, one.beside) == (1, 3, {"plate": 3})
    assert (two.concentration, two.cells, two.beside) == (2, 1, {"plate": 1})
    assert one.shift == pytest.approx([1])
    assert two.shift == pytest.approx([3])


def test_without_untreated_cells_on_the_plate_the_batch_is_taken_and_then_the_screen() -> None:
    latents, table = screen(
        [
            ("A", "x", 0, 10), ("A", "x", 0, 10), ("C", "y", 0, 30), ("C", "y", 0, 30),
            ("A", "x", 1, 11), ("B", "x", 1, 12), ("D", "w", 1, 23),
        ]
    )  # fmt: skip
    treated = (table["Metadata_Concentration"] > 0).to_numpy()
    (found,) = dose_shifts(latents, table, treated, ~treated, fewest=2)
    assert found.beside == {"plate": 1, "batch": 1, "screen": 1}
    assert found.shift == pytest.approx([(1 + 2 + 3) / 3])


def test_too_few_untreated_cells_on_a_plate_do_not_count() -> None:
    latents, table = screen(
        [("A", "x", 0, 50), ("B", "x", 0, 0), ("B", "x", 0, 0), ("A", "x", 1, 4)]
    )
    treated = (table["Metadata_Concentration"] > 0).to_numpy()
    (found,) = dose_shifts(latents, table, treated, ~treated, fewest=2)
    assert found.beside == {"batch": 1}
    assert found.shift == pytest.approx([4 - 50 / 3])


def test_without_untreated_cells_there_is_no_shift() -> None:
    latents, table = screen([("A", "x", 1, 4)])
    nobody = np.zeros(1, dtype=bool)
    with pytest.raises(ValueError, match="no untreated cell"):
        dose_shifts(latents, table, ~nobody, nobody)


def test_chance_shifts_are_as_long_as_the_variance_of_a_mean_allows() -> None:
    latents = np.random.default_rng(0).normal(size=(4000, 10)) * 7
    everyone = np.ones(4000, dtype=bool)
    lengths = chance_of_shift(latents, everyone, np.full(10, 7.0), 25, np.random.default_rng(1))
    assert (lengths**2).mean() == pytest.approx(10 * (1 / 25 + 1 / 3975), rel=0.15)
    alone = np.arange(4000) == 0
    assert not len(chance_of_shift(latents, alone, np.ones(10), 5, np.random.default_rng(1)))
