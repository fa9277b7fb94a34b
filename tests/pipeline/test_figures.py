"""Pictures of a run, through the verb."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import PIL.GifImagePlugin
import PIL.Image
import pytest
from tests.pipeline.figure_world import CHANNELS, ODD, make_run
from tests.pipeline.runs import call

from phenovae.pipeline.execute import config_of_run
from phenovae.pipeline.figure_kinds import KINDS, Gathered, Wanted

Line = dict[str, object]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in a folder with a blank in its name; not to be changed."""
    return make_run(tmp_path_factory.mktemp("the run"))


@pytest.fixture(scope="module")
def drawn(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All its pictures of the model; not to be changed."""
    out = tmp_path_factory.mktemp("all pictures")
    told = call("-q", "figures", run, "--out", out)
    assert told.code == 0, told.err
    return out


def lines(out: Path) -> list[Line]:
    told = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    found: list[Line] = told["figures"]
    return found


def not_drawn(out: Path) -> dict[str, str]:
    told = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    return {line["kind"]: line["why"] for line in told["not_drawn"]}


MODEL_KINDS = {
    "reconstructions", "samples", "usage", "traversals", "interpolation", "perturbation",
    "round-trip", "sensitivity", "trajectories", "neighbours",
}  # fmt: skip


def test_every_file_has_a_line_with_its_caption_and_the_cells_behind_it(drawn: Path) -> None:
    found = lines(drawn)
    assert {str(line["file"]) for line in found} == {
        path.name for path in drawn.iterdir() if path.name != "figures.json"
    }
    assert {str(line["kind"]) for line in found} >= MODEL_KINDS
    for line in found:
        assert set(line) == {"file", "kind", "caption", "cells", "seed", "palette"}
        assert line["palette"] == "field"
        if line["file"] != "samples-prior.png":
            assert isinstance(line["cells"], int)
            assert line["cells"] > 0, line


def test_captions_say_numbers_of_cells_where_cells_are_shown(drawn: Path) -> None:
    for line in lines(drawn):
        if line["kind"] in MODEL_KINDS - {"interpolation", "samples"}:
            assert re.search(
                r"[0-9] (held-out |untreated |usable )?cells?", str(line["caption"])
            ), line


def test_names_from_data_never_reach_names_of_files(drawn: Path) -> None:
    for path in drawn.iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(png|gif|json)", path.name)
    shown = [str(line["caption"]) for line in lines(drawn) if line["kind"] == "trajectories"]
    assert any(ODD in caption for caption in shown)


def test_pictures_open_and_gifs_loop_at_a_sensible_speed(drawn: Path) -> None:
    gifs = 0
    for path in drawn.glob("*.*"):
        if path.suffix == ".json":
            continue
        with PIL.Image.open(path) as image:
            image.load()
            assert min(image.size) >= 50
            if path.suffix == ".gif":
                gifs += 1
                assert isinstance(image, PIL.GifImagePlugin.GifImageFile)
                assert image.info["loop"] == 0
                assert image.n_frames > 10
                for frame in range(image.n_frames):
                    image.seek(frame)
                    assert 40 <= image.info["duration"] <= 1000
    assert gifs >= 3


def test_svg_and_pdf_can_be_read(run: Path, tmp_path: Path) -> None:
    told = call(
        "-q", "figures", run, "--kind", "usage", "--kind", "reconstructions", "--format", "svg",
        "--format", "pdf", "--out", tmp_path,
    )  # fmt: skip
    assert told.code == 0, told.err
    for name in ("usage", "reconstructions"):
        root = ET.fromstring((tmp_path / f"{name}.svg").read_text(encoding="utf-8"))
        assert root.tag.endswith("svg")
        data = (tmp_path / f"{name}.pdf").read_bytes()
        assert data.startswith(b"%PDF-")
        assert data.rstrip().endswith(b"%%EOF")
        assert len(re.findall(rb"/Type\s*/Page\b", data)) == 1
    assert not list(tmp_path.glob("*.png"))


def test_the_same_seed_gives_the_same_bytes_and_another_shows_other_cells(
    run: Path, drawn: Path, tmp_path: Path
) -> None:
    for seed in (0, 5):
        out = tmp_path / str(seed)
        assert (
            call("-q", "figures", run, "--kind", "samples", "--seed", seed, "--out", out).code == 0
        )
    name = "samples-treatments.png"
    assert (tmp_path / "0" / name).read_bytes() == (drawn / name).read_bytes()
    assert (tmp_path / "5" / name).read_bytes() != (drawn / name).read_bytes()


def test_the_safe_palette_changes_the_picture_and_is_told(
    run: Path, drawn: Path, tmp_path: Path
) -> None:
    told = call(
        "-q", "figures", run, "--kind", "reconstructions", "--palette", "safe", "--out", tmp_path
    )
    assert told.code == 0
    (line,) = lines(tmp_path)
    assert line["palette"] == "safe"
    name = "reconstructions.png"
    assert (tmp_path / name).read_bytes() != (drawn / name).read_bytes()


def test_cells_that_are_named_are_shown_by_row_and_by_file(run: Path, tmp_path: Path) -> None:
    for out, cells in (("rows", ("7", "3")), ("files", ("cell_7.npy", "cell_3.npy"))):
        named = [word for cell in cells for word in ("--cells", cell)]
        told = call(
            "-q", "figures", run, "--kind", "reconstructions", *named, "--out", tmp_path / out
        )
        assert told.code == 0, told.err
        assert lines(tmp_path / out)[0]["cells"] == 2
    one, other = ((tmp_path / out / "reconstructions.png") for out in ("rows", "files"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--kind", "traversal"], "did you mean 'traversals'"),
        (["--cells", "48"], "there is no cell 48"),
        (["--cells", "../../x"], "there is no cell"),
        (["--kind", "trajectories", "--treatment", "taxo"], "did you mean 'taxol'"),
        (["--kind", "trajectories", "--treatment", "taxol@2"], "0.1, 1, 10"),
    ],
)
def test_what_is_not_there_is_wrong_usage(
    run: Path, tmp_path: Path, arguments: list[str], named: str
) -> None:
    told = call("-q", "figures", run, *arguments, "--out", tmp_path)
    assert told.code == 2
    assert named in told.err


def test_a_treatment_that_is_named_is_shown_by_all_its_doses_or_by_one(
    run: Path, tmp_path: Path
) -> None:
    told = call(
        "-q", "figures", run, "--kind", "trajectories", "--treatment", "taxol@10", "--treatment",
        "taxol", "--out", tmp_path,
    )  # fmt: skip
    assert told.code == 0, told.err
    assert (tmp_path / "trajectory-taxol-10.gif").exists()
    (both,) = (line for line in lines(tmp_path) if line["file"] == "trajectories.png")
    assert "taxol@10: 8 cells by dose; taxol: 8, 8, 8 cells by dose" in str(both["caption"])


def test_lines_of_files_that_are_still_there_stay(run: Path, tmp_path: Path) -> None:
    for kind in ("usage", "round-trip", "usage"):
        assert call("-q", "figures", run, "--kind", kind, "--out", tmp_path).code == 0
    assert sorted(str(line["file"]) for line in lines(tmp_path)) == ["round-trip.png", "usage.png"]
    (tmp_path / "round-trip.png").unlink()
    assert call("-q", "figures", run, "--kind", "usage", "--out", tmp_path).code == 0
    assert [line["file"] for line in lines(tmp_path)] == ["usage.png"]


def test_a_run_without_a_model_says_so_for_every_kind_and_ends_well(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", trained=False)
    told = call("-q", "figures", run)
    assert told.code == 0, told.err
    why = not_drawn(run / "figures")
    assert set(why) >= MODEL_KINDS
    assert why["traversals"] == "the run has no trained model"
    assert why["neighbours"] == "the run has no embeddings"
    assert "traversals: not drawn: the run has no trained model" in told.out


@pytest.mark.parametrize(
    ("channels", "model"),
    [
        (("DAPI",), {}),
        (("DAPI", "Mito", "ER", "RNA", "AGP"), {}),
        (CHANNELS, {"codes": {"count": 4, "parts": 4}}),
        (CHANNELS, {"plates": {"code": 3}}),
    ],
    ids=["one channel", "five channels", "codes", "plates"],
)
@pytest.mark.slow
def test_any_model_has_all_pictures(
    tmp_path: Path, channels: tuple[str, ...], model: dict[str, object]
) -> None:
    run = make_run(tmp_path, channels, 32, model)
    told = call(
        "-q", "figures", run, *(w for kind in sorted(MODEL_KINDS) for w in ("--kind", kind))
    )
    assert told.code == 0, told.err
    assert not not_drawn(run / "figures")
    alone = [line for line in lines(run / "figures") if " alone." in str(line["caption"])]
    assert bool(alone) == (len(channels) > 1)


def test_a_screen_of_one_cell_has_what_one_cell_can_show(tmp_path: Path) -> None:
    run = make_run(tmp_path, cells=1)
    told = call(
        "-q", "figures", run, *(w for kind in sorted(MODEL_KINDS) for w in ("--kind", kind))
    )
    assert told.code == 0, told.err
    why = not_drawn(run / "figures")
    assert "reconstructions" not in why
    assert set(why) >= {"round-trip", "trajectories", "neighbours", "interpolation"}


def test_a_folder_that_holds_no_run_is_told(tmp_path: Path) -> None:
    told = call("figures", tmp_path)
    assert told.code == 1
    assert "holds no run" in told.err


def test_kinds_are_listed_without_a_run() -> None:
    told = call("figures", "--list")
    assert told.code == 0
    assert [line.split()[0] for line in told.out.splitlines()] == [kind.name for kind in KINDS]


def test_no_two_kinds_have_one_name() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)


def test_the_picture_of_a_cell_is_the_cell(run: Path, tmp_path: Path) -> None:
    """The brightest pixels of a reconstruction's upper left picture lie where the square is."""
    told = call(
        "-q", "figures", run, "--kind", "reconstructions", "--cells", "0", "--out", tmp_path
    )
    assert told.code == 0, told.err
    with PIL.Image.open(io.BytesIO((tmp_path / "reconstructions.png").read_bytes())) as image:
        pixels = np.asarray(image.convert("RGB")).astype(float).sum(axis=2)
    side = 224
    first = pixels[8 : 8 + side, 160 : 160 + side]
    inside = first[side * 7 // 16 : side * 9 // 16, side * 6 // 16 : side * 10 // 16]
    assert inside.mean() > 2 * first[:, : side // 8].mean()


def test_cells_are_drawn_from_as_many_compounds_as_there_are(run: Path) -> None:
    gathered = Gathered(run, config_of_run(run, None, ()), Wanted())
    rows = gathered.cells("any", 3)
    assert len(set(gathered.table["Metadata_Compound"].iloc[rows])) == 3
    assert set(rows) <= set(gathered.held_out[0])
    assert rows.tolist() == sorted(rows)
    assert len(gathered.cells("any", 1000)) == len(gathered.held_out[0])
