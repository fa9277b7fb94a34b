from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from phenovae.base.errors import UsageError
from phenovae.evaluate.protocol import load_protocol, protocol_labels, protocol_names
from phenovae.profiles.scaling import ZScoreOptions
from phenovae.profiles.sphering import SphereOptions

Plain = dict[str, object]


def steps(name: str) -> list[tuple[str, str]]:
    return [(step.level, step.average) for step in load_protocol(name).recipe.levels]


def written(folder: Path, **changes: object) -> str:
    """A copy of cells-mean under a name of its own, changed."""
    content: Plain = load_protocol("cells-mean").model_dump(mode="json")
    content.update({"name": "mine", **changes})
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return str(path)


def test_all_protocols_load_under_their_own_names() -> None:
    assert protocol_labels() == [
        "caicedo2018@1", "caicedo2018@2", "cell-count@1", "cells-mean-whitened@1", "cells-mean@1",
        "ljosa2013-wells@1", "ljosa2013@1", "seed@1", "wsdino2022@1",
    ]  # fmt: skip
    for label in protocol_labels():
        assert load_protocol(label).label == label
    for name in protocol_names():
        protocol = load_protocol(name)
        assert protocol.name == name
        assert protocol.label == f"{name}@{protocol.version}"
        assert protocol.summary
        assert protocol.recipe.levels[-1].level == "treatment"


def test_caicedo2018_is_what_the_documentation_says() -> None:
    protocol = load_protocol("caicedo2018")
    assert protocol.version == 2
    assert steps("caicedo2018") == [("site", "mean"), ("well", "mean"), ("treatment", "mean")]
    assert protocol.recipe.transform_at == "site"
    assert protocol.recipe.transforms == (
        ZScoreOptions(ddof=0),
        SphereOptions(regularization=1.0, mode="absolute", ddof=0),
    )
    assert protocol.metric == "cosine"
    assert protocol.unscorable_as_candidates is False


def test_cells_mean_is_what_the_documentation_says() -> None:
    protocol = load_protocol("cells-mean")
    assert protocol.version == 1
    assert steps("cells-mean") == [("treatment", "mean")]
    assert protocol.recipe.transform_at == "cell"
    assert protocol.recipe.transforms == (ZScoreOptions(ddof=0),)
    assert protocol.metric == "cosine"
    assert protocol.unscorable_as_candidates is True


def test_cells_mean_whitened_adds_the_whitening_alone() -> None:
    plain, whitened = load_protocol("cells-mean"), load_protocol("cells-mean-whitened")
    assert whitened.version == 1
    assert whitened.recipe.transforms == (
        *plain.recipe.transforms,
        SphereOptions(regularization=0.01, mode="absolute", ddof=1),
    )
    different = {"name": plain.name, "summary": plain.summary}
    recipe = whitened.recipe.model_copy(update={"transforms": plain.recipe.transforms})
    assert whitened.model_copy(update={**different, "recipe": recipe}) == plain


def test_cell_counts_are_compared_by_their_difference() -> None:
    protocol = load_protocol("cell-count")
    assert protocol.metric == "euclidean"
    assert protocol.recipe.transform_at == "site"
    assert protocol.recipe.transforms == (ZScoreOptions(ddof=0),)
    assert steps("cell-count") == [("site", "mean"), ("well", "mean"), ("treatment", "mean")]


def test_a_protocol_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    protocol = load_protocol(written(tmp_path, metric="euclidean", version=7, summary="µ and λ"))
    assert (protocol.label, protocol.metric, protocol.summary) == ("mine@7", "euclidean", "µ and λ")
    assert protocol.recipe == load_protocol("cells-mean").recipe
    other = tmp_path / "mine.yml"
    (tmp_path / "mine.yaml").rename(other)
    assert load_protocol(str(other)) == protocol


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no protocol 'cell-means'") as said:
        load_protocol("cell-means")
    assert "did you mean 'cells-mean'?" in str(said.value)
    with pytest.raises(UsageError) as said:
        load_protocol("zzz")
    assert "known: caicedo2018, cell-count, cells-mean, cells-mean-whitened, ljosa2013" in str(
        said.value
    )


def test_a_file_that_is_not_there_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such protocol file") as said:
        load_protocol(str(tmp_path / "none.yaml"))
    assert "none.yaml" in str(said.value)
    with pytest.raises(UsageError, match="no such protocol file"):
        (tmp_path / "folder.yaml").mkdir()
        load_protocol(str(tmp_path / "folder.yaml"))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"metrik": "cosine"}, "metrik: Extra inputs are not permitted"),
        ({"metric": "manhattan"}, "metric: Input should be 'cosine', 'pearson' or 'euclidean'"),
        ({"version": 0}, "version: "),
        ({"recipe": {"levels": [{"level": "well"}]}}, "levels must rise and end with treatment"),
        (
            {"recipe": {"levels": [{"level": "treatment"}], "transforms": [{"name": "sphere"}]}},
            r"recipe\.transforms\.0\.sphere\.regularization: Field required",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named_by_its_key(
    tmp_path: Path, changes: Plain, key: str
) -> None:
    with pytest.raises(UsageError, match=f"not valid:\n  .*{key}") as said:
        load_protocol(written(tmp_path, **changes))
    assert "where: " in str(said.value)
    assert "errors.pydantic.dev" not in str(said.value)


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)version: .*metric: "):
        load_protocol(written(tmp_path, version="two", metric="no"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"name: [mine", "no YAML"),
        (b"summary: \xff\xfe", "no YAML"),
        (b"", "not valid:\n  the file: "),
        (b"- mine\n", "not valid:\n  the file: "),
    ],
)
def test_a_file_that_is_no_protocol_is_said(tmp_path: Path, raw: bytes, why: str) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=why) as said:
        load_protocol(str(path))
    assert "torn.yaml" in str(said.value)


def test_a_changed_copy_may_not_keep_the_name_and_version_of_the_original(tmp_path: Path) -> None:
    # Else its scores would stand in one column with those of the original.
    with pytest.raises(UsageError, match="calls itself cells-mean@1, but differs") as said:
        load_protocol(written(tmp_path, name="cells-mean", metric="euclidean"))
    assert "a name of its own" in str(said.value)
    other = load_protocol(written(tmp_path, name="cells-mean", metric="euclidean", version=9))
    assert other.label == "cells-mean@9"
    same = load_protocol(written(tmp_path, name="cells-mean", summary="in other words"))
    assert same.recipe == load_protocol("cells-mean").recipe
