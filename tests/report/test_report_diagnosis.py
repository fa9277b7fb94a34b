from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from phenovae.report.build import render
from phenovae.report.content import ReportContent
from phenovae.report.diagnosis import diagnosis_part
from phenovae.report.diagnosis_words import diagnosis_sentences

Told = dict[str, Any]
NAMES = ("DAPI", "_Actin $x$")


@pytest.fixture
def told() -> Told:
    """The record of a model that does well in all."""
    return {
        "cells": 400, "of_cells": 500, "held_out": True, "left_out_not_finite": 0,
        "kl_in_objective": True,
        "information": {
            "kl_nats": 20.0, "mutual_information_low_nats": 5.9,
            "mutual_information_high_nats": 15.0, "limit_nats": 5.99,
        },
        "aggregate": {
            "mean": [0.1, 0.0, -0.1], "variance": [1.1, 1.0, 0.9],
            "variance_of_mean": [0.9, 0.0, 0.7], "active_units": 2,
            "squared_mmd": {"value": 0.0001, "null_95": 0.0002, "p": 0.4},
            "quantiles": {"probabilities": [0.1, 0.5, 0.9],
                          "dimensions": [{"dimension": 2, "values": [-1.2, 0.0, 1.3]}]},
        },
        "bound": {
            "cells": 100, "draws": [1, 2, 4], "nats": [-500.0, -499.8, -499.5],
            "errors": [10.0, 10.0, 10.0], "rise_errors": [0.0, 0.1, 0.1], "elbo_nats": -500.0,
            "importance_nats": -499.5, "gain_nats": 0.5, "gain_error": 0.1, "effective_draws": 3.0,
        },
        "reconstruction": {"channels": [
            {"channel": name, "rmse": 0.05, "variance_explained": 0.97,
             "explained_beyond_mean_image": 0.95} for name in NAMES
        ]},
        "calibration": {
            "learned": True, "sigma_of": "the view's range", "at_bound": False,
            "levels": [0.5, 0.8, 0.95], "edges": [-6.0, 0.0, 6.0],
            "channels": [{"channel": name, "sigma": 0.05, "mean": 0.0, "deviation": 1.02,
                          "coverage": [0.51, 0.8, 0.94], "histogram": [0.5, 0.5]}
                         for name in NAMES],
        },
    }  # fmt: skip


def test_a_good_model_is_told_as_good(told: Told) -> None:
    basis, information, aggregate, bound, lost, sigma = diagnosis_sentences(told)
    assert basis == "Measured on 400 cells of 500 that taught the model nothing."
    assert information.startswith("Good: at least 5.9 nats of a mean KL of 20.0")
    assert "may be up to 15.0" in information
    assert aggregate.startswith("Good: they cannot be told")
    assert "3 of 3 dimensions" in aggregate
    assert bound.startswith("Good, the ELBO is nearly the likelihood")
    assert "−500 ± 10" in bound
    assert lost.startswith("Little.")
    assert sigma.startswith("On the whole, yes: residuals are 1.02 σ")


@pytest.mark.parametrize(
    ("number", "spoil", "begins"),
    [
        (1, lambda t: t["information"].update(mutual_information_low_nats=0.01), "Bad: next to"),
        (1, lambda t: t["information"].update(mutual_information_low_nats=4.0), "Fair: at least"),
        (1, lambda t: t["information"].update(mutual_information_low_nats=1.0), "Little: at least"),
        (2, lambda t: t["aggregate"]["squared_mmd"].update(value=0.1, p=0.025), "Not quite: they"),
        (2, lambda t: t["aggregate"].update(
            variance=[3.0, 3.0, 1.0],
            squared_mmd={"value": 0.1, "null_95": 0.01, "p": 0.025}), "No: they can be told"),
        (3, lambda t: t["bound"].update(gain_nats=30.0, effective_draws=1.1), "Open: 4 draws"),
        (3, lambda t: t["bound"].update(gain_nats=30.0), "Loose by that much"),
        (4, lambda t: t["reconstruction"]["channels"][1].update(explained_beyond_mean_image=0.2),
         "Most of what tells one _Actin $x$ image"),
        (5, lambda t: t["calibration"]["channels"][0].update(deviation=1.5), "Not in every"),
        (5, lambda t: t["calibration"].update(learned=False), "It does not claim to be: σ was"),
        (5, lambda t: t["calibration"].update(at_bound=True), "σ stands at its lower bound"),
        (5, lambda t: t.update(calibration={"not_applicable": "no σ here"}),
         "Does not apply to this model: no σ here."),
    ],
)  # fmt: skip
def test_what_is_bad_is_told_as_bad(
    told: Told, number: int, spoil: Callable[[Told], None], begins: str
) -> None:
    spoil(told)
    assert diagnosis_sentences(told)[number].startswith(begins)


def test_residuals_that_crowd_in_the_middle_are_told_by_channel(told: Told) -> None:
    told["calibration"]["channels"][0]["coverage"][0] = 0.7
    assert "in DAPI more than" in diagnosis_sentences(told)[5]


def test_what_the_cells_and_the_objective_were_is_told(told: Told) -> None:
    told.update(held_out=False, kl_in_objective=False, left_out_not_finite=2)
    basis = diagnosis_sentences(told, "tile")[0]
    assert "400 tiles" in basis
    assert "flatters it" in basis
    assert "2 tiles with pixels that are no numbers" in basis
    assert "no KL term" in basis


def without_numbers(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_numbers(each) for each in value]
    return None if isinstance(value, float) else value


def test_a_record_without_finite_numbers_is_shown_without_them(
    told: Told, full_content: ReportContent
) -> None:
    bare = without_numbers(told)
    assert isinstance(bare, dict)
    page = render(replace(full_content, diagnosis=bare))
    assert "Could not be measured: not finite." in page
    assert "nan" not in " ".join(diagnosis_sentences(bare))


def test_a_channel_that_does_not_vary_is_told(told: Told) -> None:
    still = {"variance_explained": None, "explained_beyond_mean_image": None}
    told["reconstruction"]["channels"][0].update(still)
    assert "DAPI does not vary" in diagnosis_sentences(told)[4]
    told["reconstruction"]["channels"][1].update(still)
    assert diagnosis_sentences(told)[4].startswith("No channel varies")


def test_the_report_asks_and_answers_with_pictures_and_a_table(
    told: Told, full_content: ReportContent
) -> None:
    content = replace(full_content, diagnosis=told)
    part = diagnosis_part(content)
    assert part is not None
    assert [each.picture is not None for each in part.answers] == [True, True, True, False, True]
    assert part.table is not None
    assert part.table.rows[1] == (
        "_Actin $x$", "0.0500", "97.0\N{NO-BREAK SPACE}%", "95.0\N{NO-BREAK SPACE}%", "0.0500",
        "1.02", "51\N{NO-BREAK SPACE}%", "80\N{NO-BREAK SPACE}%", "94\N{NO-BREAK SPACE}%",
    )  # fmt: skip
    assert "; σ, of the view’s range; shares of the variance" in part.table.caption
    page = render(content)
    assert 'href="#diagnosis"' in page
    assert "Is σ honest?" in page
    assert render(replace(content, diagnosis=json.loads(json.dumps(told)))) == page


def test_a_run_without_a_record_has_no_such_section(full_content: ReportContent) -> None:
    assert diagnosis_part(full_content) is None
    assert "#diagnosis" not in render(full_content)


def test_a_record_of_something_else_is_no_fault(full_content: ReportContent) -> None:
    odd = {"cells": "many", "information": 3, "bound": {"draws": ["x"]}, "calibration": {"a": 1}}
    assert "Could not be measured" in render(replace(full_content, diagnosis=odd))
