"""Every trap has a test, and the table of the documents names guards and tests that there are."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

HERE = Path(__file__).parent
PROTOCOLS = HERE.parents[1] / "docs" / "protocols.md"
COUNT = 33

_NAMED = re.compile(r"Trap (\d+): (?:(?!\. ).)+[^.]\.")
_ROW = re.compile(r"^\| (\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


def _tests() -> dict[str, int | None]:
    """The trap that each test's docstring begins with, by the name of the test."""
    found: dict[str, int | None] = {}
    for path in sorted(HERE.glob("test_trap_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                said = " ".join((ast.get_docstring(node) or "").split())
                match = _NAMED.fullmatch(said)
                found[node.name] = int(match[1]) if match else None
    return found


def _rows() -> list[tuple[int, list[str], list[str]]]:
    text = PROTOCOLS.read_text(encoding="utf-8").partition("\n## Traps and their guards")[2]
    return [
        (int(number), re.findall(r"`([^`]+)`", guards), re.findall(r"`([^`]+)`", tests))
        for number, guards, tests in _ROW.findall(text.partition("\n## ")[0])
    ]


def _is_there(guard: str) -> bool:
    """Whether there is such a function, class, or field of options."""
    owner, _, name = f"phenovae.{guard}".rpartition(".")
    found = pkgutil.resolve_name(owner)
    return name in getattr(found, "model_fields", {}) or hasattr(found, name)


def test_every_trap_has_a_test_and_every_test_says_its_trap_in_one_sentence() -> None:
    tests = _tests()
    assert [name for name, trap in tests.items() if trap is None] == []
    assert set(tests.values()) == {*range(1, COUNT + 1)}


def test_the_table_of_the_documents_has_all_traps_with_guards_that_there_are() -> None:
    rows = _rows()
    assert [number for number, *_ in rows] == [*range(1, COUNT + 1)]
    for number, guards, _ in rows:
        assert guards, number
        for guard in guards:
            assert _is_there(guard), (number, guard)


def test_the_table_of_the_documents_names_a_test_of_each_trap() -> None:
    tests = _tests()
    for number, _, named in _rows():
        assert named, number
        assert {tests.get(name) for name in named} == {number}
