"""The code blocks of the documents do what they show: run where that takes seconds, else parsed."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest
import typer
import yaml
from tests.conftest import blank_pictures
from tests.docs.blocks import (
    DOCUMENTS,
    all_blocks,
    blocks_of,
    commands_in,
    missing_packages,
    name_of,
    verb_of,
)
from tests.docs.workshop import furnish
from tests.pipeline.runs import call
from typer.core import TyperCommand, TyperGroup

from phenovae.evaluate.protocol import load_protocol
from phenovae.pipeline.config import load_config

QUICK = {
    "audit", "compare", "config", "crop", "diagnose", "doctor", "embed", "evaluate", "export",
    "export-crops", "illuminate", "import", "inspect", "profile", "protocols", "report", "segment",
    "sites", "train",
}  # fmt: skip
"""Verbs that take seconds on a tiny run that is finished. The others fetch, train or serve."""

ELSEWHERE = ("--push", "--scheduler", "--download-weights")
"""Options that need a machine which is not here."""

NEEDS = {".h5ad": "anndata"}
NOT_HERE = {"dask_jobqueue"}
"""What Python blocks may import without its being installed: they are then only compiled."""

PEERS = {"anndata", "copairs", "pycytominer", "scanpy"}
FINDS = 3
OUTPUTS = ("--out", "-o")


def _shown(words: list[str]) -> str:
    return f"phenovae {' '.join(words)}"


def _runs(words: list[str]) -> bool:
    """Whether a command can be run here, by its verb and options."""
    if any(word in ELSEWHERE for word in words):
        return False
    for ending, package in NEEDS.items():
        if any(word.endswith(ending) for word in words):
            pytest.importorskip(package)
    return verb_of(words) in QUICK


def _as_run(words: list[str]) -> list[str]:
    """The command with its patterns of names filled in, and into a new place where one is named."""
    filled: list[str] = []
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        if before in OUTPUTS and word == "FOLDER":
            filled.append("new")
        elif "*" in word and (found := sorted(glob.glob(word))):  # noqa: PTH207  as a shell does
            filled += found
        else:
            filled.append(word)
    return filled


@pytest.fixture
def group() -> TyperGroup:
    from phenovae.cli.main import app

    found = typer.main.get_command(app)
    assert isinstance(found, TyperGroup)
    return found


def test_every_command_of_the_shell_blocks_is_understood(group: TyperGroup) -> None:
    commands = [
        (block.place, words)
        for block in all_blocks("sh", "bash")
        for words in commands_in(block.text)
    ]
    assert len(commands) > 60
    assert sum(verb_of(words) in QUICK or verb_of(words) == "run" for _, words in commands) > 50
    for place, words in commands:
        command = group.commands[verb_of(words)]
        assert isinstance(command, TyperCommand), place
        arguments = words[words.index(verb_of(words)) + 1 :]
        try:
            command.make_context(verb_of(words), arguments, parent=typer.Context(group))
        except typer.Exit:
            continue
        except Exception as error:  # noqa: BLE001  whatever is wrong, say where
            pytest.fail(f"{place}: {_shown(words)}: {error}")


def test_every_setting_of_the_shell_blocks_is_valid() -> None:
    checked = 0
    for block in all_blocks("sh", "bash"):
        for words in commands_in(block.text):
            settings = [words[number + 1] for number, word in enumerate(words) if word == "--set"]
            if verb_of(words) == "twin":
                settings = [f"twin.{setting}" for setting in settings]
            load_config(None, settings)
            checked += len(settings)
    assert checked > 20


def test_every_yaml_block_is_a_configuration_or_a_protocol_that_is_valid(tmp_path: Path) -> None:
    kinds = set()
    for number, block in enumerate(all_blocks("yaml")):
        tree = yaml.safe_load(block.text)
        path = tmp_path / f"{number}.yaml"
        path.write_text(block.text, encoding="utf-8")
        if "apiVersion" in tree:
            continue
        if "recipe" in tree:
            assert load_protocol(str(path)).name == tree["name"], block.place
            kinds.add("protocol")
        else:
            load_config(path)
            kinds.add("configuration")
    assert kinds == {"configuration", "protocol"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_blocks_of_a_document_run_in_their_order(
    document: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
    twin_run: Path,
    crops_run: Path,
    made_crops: Path,
) -> None:
    blocks = [block for block in blocks_of(document) if block.language in ("sh", "yaml", "python")]
    if not blocks:
        pytest.skip("no blocks")
    furnish(tmp_path, document.read_text(encoding="utf-8"), twin_run, crops_run, made_crops)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "shown"}
    with blank_pictures(pytestconfig):
        for block in blocks:
            if block.language == "yaml":
                _save(block.text)
            elif block.language == "python":
                _execute(block.text, block.place, names)
            else:
                for words in commands_in(block.text):
                    _call(words, block.place)


def _save(text: str) -> None:
    """A block whose first line is `# NAME.yaml` becomes that file."""
    name = text.partition("\n")[0].removeprefix("# ")
    if name.endswith(".yaml") and " " not in name:
        Path(name).write_text(text, encoding="utf-8")


def _execute(code: str, place: str, names: dict[str, object]) -> None:
    compiled = compile(code, place, "exec", dont_inherit=True)
    missing = missing_packages(code)
    assert missing <= NOT_HERE | PEERS, f"{place} imports {missing}"
    if not missing:
        exec(compiled, names)


def _call(words: list[str], place: str) -> None:
    if verb_of(words) == "run" and not any(word in ELSEWHERE for word in words):
        words = [*words, "--dry-run"] if "--dry-run" not in words else words
    elif not _runs(words):
        return
    told = call(*_as_run(words))
    assert told.code in (0, FINDS), f"{place}: {_shown(words)}: {told.err}"
