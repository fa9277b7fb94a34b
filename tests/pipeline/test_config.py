from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from phenovae.base.errors import UsageError
from phenovae.pipeline.config import Config, config_text, describe_keys, load_config
from phenovae.pipeline.examples import example, example_names


def test_an_unknown_key_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError, match=r"train\.epoch: unknown key") as caught:
        load_config(None, ["train.epoch=3"])
    assert "did you mean 'epochs'" in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_faults_of_a_configuration_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        load_config(None, ["seed=-1", "input.source=disc", "trian.epochs=1"])
    for key in ("seed", "input.source", "trian: unknown key"):
        assert key in str(caught.value)


def test_settings_win_over_the_file_and_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "my run.yaml"
    path.write_text("seed: 1\ninput: {channels: [A, B]}\n", encoding="utf-8")
    config = load_config(path, ["seed=7", "input.channels=[C]", "input.pixel_size_um=0.5"])
    assert config.seed == 7
    assert config.input.channels == ("C",)
    assert config.input.pixel_size_um == 0.5


def test_a_precision_may_be_written_as_a_number() -> None:
    assert load_config(None, ["train.precision=32"]).train.precision == "32"
    assert load_config(None, ["train.precision=bf16"]).train.precision == "bf16"
    for odd in ("16", "true", "32.0"):
        with pytest.raises(UsageError, match=r"train\.precision"):
            load_config(None, [f"train.precision={odd}"])


def test_paths_are_taken_from_the_files_folder_or_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.yaml").write_text("input: {crops: cells}\n", encoding="utf-8")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_config(tmp_path / "my.yaml", ["input.metadata=table.csv"])
    assert config.input.crops == tmp_path / "cells"
    assert config.input.metadata == elsewhere / "table.csv"


def test_the_data_folder_comes_from_the_environment_or_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHENOVAE_DATA", str(tmp_path))
    assert load_config(None, ["input.crops=${PHENOVAE_DATA}/c"]).input.crops == tmp_path / "c"
    monkeypatch.delenv("PHENOVAE_DATA")
    with pytest.raises(UsageError, match="PHENOVAE_DATA"):
        load_config(None, ["input.crops=${PHENOVAE_DATA}/c"])


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "no readable YAML"), ("- 1", "holds no keys"), ("seed: x", "seed")],
)
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_config(tmp_path / "c.yaml")
    with pytest.raises(UsageError, match="there is no configuration"):
        load_config(tmp_path / "none.yaml")


def test_a_setting_without_a_value_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match=r"a\.b=c"):
        load_config(None, ["train.epochs"])


def test_the_resolved_configuration_reads_back_as_itself(tmp_path: Path) -> None:
    config = load_config(None, ["seed=3", "input.crops=x"])
    (tmp_path / "config.yaml").write_text(config_text(config), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == config


def test_every_key_has_a_meaning_a_type_and_a_default() -> None:
    keys = list(describe_keys())
    assert len({key for key, *_ in keys}) == len(keys) > 40
    for key, kind, _, meaning in keys:
        assert kind, key
        assert len(meaning) > 5, key


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_valid(name: str) -> None:
    path = example(name)
    assert isinstance(load_config(path), Config)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


def test_an_example_that_is_not_there_is_answered_with_those_that_are() -> None:
    assert example("crops").name == "bbbc021_crops.yaml"
    with pytest.raises(UsageError, match="there is no example"):
        example("nothing")
