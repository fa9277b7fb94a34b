"""The section on generated images: what its sentences and tables say of a record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phenovae.report.build import render
from phenovae.report.content import ReportContent
from phenovae.report.generation import generation_part, generation_sentences

Told = dict[str, Any]
NAME = "Cdk1/2 <inhibitor> & (NU6102) 10 µM"


def figure(value: float, low: float, high: float) -> Told:
    """A measure over halves."""
    return {"value": value, "sd": 0.01, "low": low, "high": high}


def comparison(sample: str, against: str, mmd: float, share: float) -> Told:
    """A row of a space."""
    return {
        "sample": sample, "against": against, "images": 150,
        "squared_mmd": figure(mmd, mmd - 0.01, mmd + 0.01),
        "kernel_distance": figure(1234.5, 1200.0, 1260.0),
        "frechet_distance": figure(12.5, 11.0, 14.0), "frechet_dimensions": 75,
        "precision": figure(share, share, share), "recall": figure(share / 2, 0.0, 1.0),
    }  # fmt: skip


@pytest.fixture
def told() -> Told:
    """A model that rebuilds well and invents badly."""
    comparisons = [
        comparison("real", "real", -0.0003, 0.8),
        comparison("reconstructed", "real", 0.005, 0.5),
        comparison("prior", "real", 0.4, 0.12),
        comparison("reconstructed", "reconstructed", 0.0002, 0.9),
        comparison("prior", "reconstructed", 0.3, 0.2),
    ]
    both = {"value": 0.71, "low": 0.7, "high": 0.72, "wells": 9, "other": 0.2}
    psnr = {"value": 27.26, "low": 27.0, "high": 27.5, "wells": 9, "other": 15.0}
    return {
        "cells": 300, "of_cells": 700, "held_out": True, "left_out_not_finite": 0, "half": 150,
        "halves": 20, "channels": ["DAPI"],
        "fidelity": [{"channel": "<DAPI>", "ssim": both, "psnr_db": psnr},
                     {"channel": None, "ssim": both, "psnr_db": psnr}],
        "spaces": [
            {"space": "texture@1", "dimensions": 99, "comparisons": comparisons},
            {"space": "pixels@1", "dimensions": 768, "comparisons": [
                {"sample": "prior", "against": "real", "squared_mmd": figure(0.09, 0.08, 0.1)}]},
        ],
        "treatments": [
            {"treatment": NAME, "mechanism": None, "control": False, "cells": 24, "held_out": 3,
             "ssim": both, "psnr_db": psnr, "comparisons": comparisons[:2]},
        ],
    }  # fmt: skip


def test_sentences_say_what_is_beyond_chance_and_what_is_not(told: Told) -> None:
    basis, kept, rebuilt, sampled, decoded, shares = generation_sentences(told)
    assert basis == (
        "Judged by 300 of 700 cells that taught the model nothing; in 20 random halves, 150 images "
        "against 150 cells that they were not made of."
    )
    assert "mean SSIM of 0.71 and a PSNR of 27.3 dB" in kept
    assert "would have 0.20 and 15.0 dB" in kept
    assert "no further than chance: halves of the real cells are at most 0.0097 apart" in rebuilt
    assert "are 0.400 (MMD² of textures) from real cells, more than chance" in sampled
    assert "from reconstructions, more than chance" in decoded
    assert shares.startswith("12\N{NO-BREAK SPACE}% of samples from the prior look like real")
    assert "80\N{NO-BREAK SPACE}%" in shares


def test_cells_that_taught_the_model_are_told_as_such(told: Told) -> None:
    basis = generation_sentences({**told, "held_out": False, "left_out_not_finite": 2})[0]
    assert "all of this flatters it" in basis
    assert "2 cells with pixels that are no numbers were left out" in basis


def test_tables_mark_the_floors_and_escape_names(told: Told, full_content: ReportContent) -> None:
    content = replace(full_content, generation=told)
    part = generation_part(content)
    assert part is not None
    fidelity, space = part.tables
    assert fidelity.rows[-1][0] == "all"
    assert space.strong == {0, 3}
    assert "75 principal components" in space.caption
    assert space.rows[2][3] == "0.0900 [0.0800, 0.100]"
    assert "1,234" in space.rows[0][5] or "1,235" in space.rows[0][5]
    assert part.treatments is not None
    assert part.treatments.rows[0][:3] == (NAME, "", "24 (3)")
    page = render(content)
    assert 'id="generation"' in page
    assert "Cdk1/2 &lt;inhibitor&gt; &amp; (NU6102)" in page
    assert "<inhibitor>" not in page


def test_a_run_without_a_record_has_no_section(bare_content: ReportContent) -> None:
    assert generation_part(bare_content) is None
    assert 'id="generation"' not in render(bare_content)


def test_a_record_of_which_parts_are_missing_is_told_as_far_as_it_goes(
    full_content: ReportContent,
) -> None:
    part = generation_part(replace(full_content, generation={"cells": 9, "held_out": True}))
    assert part is not None
    assert len(part.sentences) == 1
    assert part.treatments is None
