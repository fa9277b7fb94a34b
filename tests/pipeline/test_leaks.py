from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.pipeline.runs import call

from phenovae.base.findings import Severity
from phenovae.base.tables import read_table, write_table
from phenovae.cells.splits import SPLITS
from phenovae.pipeline.leaks import LeakAudit, audit_leaks
from phenovae.pipeline.named_screen import read_named_screen


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crops_run, tmp_path / "a run"))


def audit_of(run: Path) -> LeakAudit:
    audit = audit_leaks(run)
    assert audit is not None
    return audit


def test_a_finished_run_is_told_what_its_training_saw(crops_run: Path) -> None:
    audit = audit_of(crops_run)
    facts = dict(audit.facts)
    assert facts["split"] == "by well, like shares by role"
    assert facts["train"].startswith("48 cells, 8 wells")
    assert facts["validation"].startswith("6 cells, 1 well,")
    assert facts["scored cells"] == "54, of which 48 were trained on"
    ((name, *shared),) = audit.shared
    counts = dict(zip(audit.units, shared, strict=True))
    assert (name, counts["fields"], counts["wells"]) == ("train, validation", "0", "0")
    assert counts["plates"] == "1"
    assert not any(each.severity is Severity.FAULT for each in audit.findings)


def test_other_splits_than_the_models_are_a_fault(run: Path) -> None:
    splits = read_table(run / "splits.parquet", SPLITS)
    splits.loc[0, "Split"] = "test"
    write_table(splits, run / "splits.parquet", SPLITS)
    what = [each.what for each in audit_of(run).findings if each.severity is Severity.FAULT]
    assert what == [
        "the model was trained with other splits than splits.parquet has",
        "1 group on two sides of the split",
    ]
    fields = [each for each in audit_of(run).findings if "share 1 field" in each.what]
    assert fields[0].severity is Severity.WARNING


def test_a_run_without_a_model_has_no_leaks_to_tell(run: Path) -> None:
    shutil.rmtree(run / "model")
    assert audit_leaks(run) is None
    told = call("audit", run)
    assert "what training saw" not in told.out


def test_the_verb_tells_both_audits_and_ends_with_3(crops_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    told = call("audit", crops_run, "--json", out)
    assert told.code == 3
    assert "what training saw" in told.out
    assert max(len(line) for line in told.out.splitlines()) <= 80
    written = json.loads(out.read_text(encoding="utf-8"))
    assert {"structure", "leaks", "findings"} < set(written)
    assert {each["severity"] for each in written["findings"]} == {"warning", "note"}


def test_a_platemap_is_audited_well_by_well(tmp_path: Path) -> None:
    path = tmp_path / "my map.csv"
    path.write_text("plate,well,compound,dose,moa\nP1,a1,DMSO,0,\nP1,a2,x,1,m\nP1,a3,y,1,m\n")
    told = call("audit", path)
    assert told.code == 3
    assert "all plates are of one batch" in told.out
    assert read_named_screen(path)["Metadata_Well"].tolist() == ["A01", "A02", "A03"]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("none.csv", 1, "no such screen"), (".", 1, "has no sites.parquet")],
)
def test_what_is_no_screen_is_refused(name: str, code: int, words: str, tmp_path: Path) -> None:
    told = call("audit", tmp_path / name)
    assert told.code == code
    assert words in told.err
    assert told.out == ""


def test_mechanisms_go_with_the_official_table_alone(crops_run: Path, tmp_path: Path) -> None:
    table = tmp_path / "moa.csv"
    pd.DataFrame({"compound": ["x"]}).to_csv(table)
    told = call("audit", crops_run / "sites.parquet", "--moa", table)
    assert told.code == 2
    assert "--moa" in told.err
