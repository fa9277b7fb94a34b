from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.pipeline.runs import call

from phenovae.evaluate.explain import explain
from phenovae.evaluate.protocol import Protocol, load_protocol, protocol_labels

QUESTIONS = (
    "profile", "transforms", "fitted on", "controls", "compared by", "masks", "denominator", "value"
)  # fmt: skip


def test_every_protocol_is_listed_with_what_it_does() -> None:
    told = call("protocols")
    assert told.code == 0
    for label in protocol_labels():
        assert f"{label}\n" in told.out


@pytest.mark.parametrize("label", protocol_labels())
def test_an_explained_protocol_answers_every_question(label: str) -> None:
    told = call("protocols", label)
    assert told.code == 0
    for question in QUESTIONS:
        assert f"  {question} " in told.out
    assert max(len(line) for line in told.out.splitlines()) <= 88


def test_lambda_its_mode_and_the_taxol_rule_are_told() -> None:
    old, new = (dict(explain(load_protocol(f"caicedo2018@{version}"))) for version in (1, 2))
    assert "λ = 1 added to the eigenvalues), then CORAL batch by batch (λ = 1)" in old["transforms"]
    assert "positive control are part of it" in old["controls"]
    assert "positive control are no part of it" in new["controls"]
    assert "median" in old["profile"]
    assert "median" not in new["profile"]
    assert "joined" in old["masks"]
    assert "keep" not in new["masks"]
    assert dict(explain(load_protocol("seed")))["value"].startswith("mean over compounds")


def test_what_is_printed_as_yaml_is_the_protocol(tmp_path: Path) -> None:
    for label in protocol_labels():
        told = call("protocols", label, "--yaml")
        assert Protocol.model_validate(yaml.safe_load(told.out)) == load_protocol(label)


def test_an_unknown_protocol_is_answered_with_the_nearest() -> None:
    told = call("protocols", "caicedo")
    assert told.code == 2
    assert "did you mean 'caicedo2018'?" in told.err
