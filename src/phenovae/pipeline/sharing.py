"""A run's model as a folder that can be handed to others: weights, card, ONNX, scores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phenovae.base.errors import InputError, PhenovaeError, UsageError
from phenovae.base.files import (
    publishing,
    read_json,
    sha256_of_file,
    write_json,
    write_text,
)
from phenovae.base.progress import SILENT, Progress
from phenovae.cells.store import CellStore
from phenovae.cells.view import View
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.execute import config_of_run, existing_run
from phenovae.pipeline.gather import gather
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.sharing_words import (
    CONFIG,
    onnx_facts,
    onnx_words,
    raw_words,
    readout_words,
    scaling_words,
    shared_record,
)
from phenovae.report.facts import mapping
from phenovae.report.model_card import SharedModel, model_card
from phenovae.vae.file_names import CARD, DECODER, DIAGNOSTICS, ENCODER, HISTORY, READOUT, WEIGHTS

if TYPE_CHECKING:
    from phenovae.vae.data import Pixels
    from phenovae.vae.model_files import Card, TrainedModel
    from phenovae.vae.onnx_files import Agreement


FORMAT = 1
README = "README.md"
_KIND = "model of phenovae"
_TRIED = 64
"""Cells that ONNX is compared on."""


_SAYS = {
    README: "this card",
    CONFIG: "what another program must know: channels, normalisation, outputs, hashes",
    CARD: "all options of the training, and the scale of every plate; read by phenovae",
    WEIGHTS: "weights",
    READOUT: "coordinates of the embedding",
    ENCODER: "images (n, channel, height, width) to embedding, mean, log_variance",
    DECODER: "z (n, latent) to image (n, channel, height, width)",
    paths.SCORES: "scores with their intervals; compounds are not named",
    HISTORY: "the losses of every epoch",
    DIAGNOSTICS: "what the latent dimensions do",
}


@dataclass(frozen=True)
class SharingOptions:
    """How a model is shared. `license` is an identifier such as `cc-by-4.0`, or empty."""

    onnx: bool = True
    force: bool = False
    license: str = ""
    name: str = ""


def export_model(
    run: Path, out: Path, options: SharingOptions, progress: Progress = SILENT
) -> tuple[str, ...]:
    """Write a run's model into a folder, whole or not at all; return the names of its files.

    Raises UsageError where the folder holds other things, InputError where the run has no finished
    model, MissingExtraError where ONNX is asked for without its packages, and PhenovaeError where
    ONNX or what was written differs from the model.
    """
    existing_run(run)
    if not Journal.open(run, 0).whole("train"):
        raise InputError(
            "the run has no finished model", where=run, mend=f"phenovae train --run '{run}'"
        )
    weights = sha256_of_file(run / paths.MODEL / WEIGHTS)
    _check_out(run, out, weights, force=options.force)
    if options.onnx:
        from phenovae.vae.onnx_files import need_onnx

        need_onnx()
    try:
        with publishing(out) as partial:
            _fill(partial, run, config_of_run(run, None, ()), options, weights, progress)
    finally:
        shutil.rmtree(out.with_name(f"{out.name}.partial"), ignore_errors=True)
    return tuple(sorted(path.name for path in out.iterdir()))


def _check_out(run: Path, out: Path, weights: str, *, force: bool) -> None:
    place, home = out.resolve(), run.resolve()
    if home.is_relative_to(place) or place.is_relative_to(home / paths.MODEL):
        raise UsageError("the run itself lies there", where=out, mend="choose another folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError("there is a file of that name", where=out, mend="choose another folder")
    held = list(out.iterdir())
    if not held or (not force and _weights_in(out) == weights):
        return
    if not force:
        raise UsageError(
            f"the folder holds other things: {', '.join(sorted(each.name for each in held)[:5])}",
            where=out,
            mend="choose another folder, or --force to replace all that is in it",
        )
    if any(each.is_dir() for each in held):
        raise UsageError(
            "the folder holds folders, so it is no model that was exported, and is not replaced",
            where=out,
            mend="choose another folder, or remove this one by hand",
        )


def _weights_in(folder: Path) -> str:
    """Hash of the weights that an exported folder says it has, if it is one and holds no more."""
    try:
        told = mapping(read_json(folder / CONFIG))
    except InputError:
        return ""
    if told.get("kind") != _KIND or any(each.name not in _SAYS for each in folder.iterdir()):
        return ""
    return str(told.get("weights_sha256", ""))


def _fill(
    folder: Path,
    run: Path,
    config: Config,
    options: SharingOptions,
    weights: str,
    progress: Progress,
) -> None:
    from phenovae.vae.model_files import load_model

    content = gather(run, config)
    store = CellStore.open(run / paths.CELLS)
    trained = load_model(run / paths.MODEL)
    card = _whole_card(trained.card, store)
    write_json(folder / CARD, card.model_dump(mode="json"))
    for name in (WEIGHTS, READOUT, HISTORY, DIAGNOSTICS):
        if (run / paths.MODEL / name).is_file():
            shutil.copyfile(run / paths.MODEL / name, folder / name)
    if content.records:
        write_json(folder / paths.SCORES, [shared_record(record) for record in content.records])
    images = _some_images(store, View.from_json(card.origin.view))
    agreement = None
    with progress.bar("comparing", 2) as bar:
        _check_copy(trained, load_model(folder), images)
        bar.advance()
        if options.onnx:
            from phenovae.vae.onnx_files import write_onnx

            agreement = write_onnx(trained, folder, images)
        bar.advance()
    dimension = int(trained.embed(images[:1]).shape[1])
    write_json(folder / CONFIG, _config_of(card, weights, dimension, agreement, folder))
    journal = Journal.open(run, config.seed)
    names = [*_SAYS]
    files = {name: _SAYS[name] for name in names if name == README or (folder / name).exists()}
    shared = SharedModel(
        name=options.name or content.title,
        license=options.license,
        labels=card.labels,
        seed=card.seed,
        shape=card.shape,
        raw=raw_words(card),
        scaling=scaling_words(View.from_json(card.origin.view)),
        dimension=dimension,
        readout=readout_words(card),
        split_hash=card.origin.split_hash,
        weights=weights,
        onnx=onnx_words(agreement),
        files=files,
        versions=_versions(run, card),
        warnings=journal.stages["train"].warnings,
    )
    write_text(folder / README, model_card(content, shared))


def _whole_card(card: Card, store: CellStore) -> Card:
    """The card with what older trainings did not write of their crops."""
    if card.origin.store != store.fingerprint():
        raise InputError(
            "the cells of the run are not those that its model was trained on",
            where=store.path,
            mend="phenovae run trains anew",
        )
    origin = card.origin.model_copy(
        update={
            "crop_size": store.crop_size,
            "dtype": store.card.dtype,
            "pixel_size_um": store.pixel_size_um,
        }
    )
    return card.model_copy(update={"origin": origin})


def _some_images(store: CellStore, view: View) -> Pixels:
    rows = np.unique(np.linspace(0, len(store) - 1, min(_TRIED, len(store))).round().astype(int))
    plates = store.table["Metadata_Plate"].iloc[rows].astype(str).tolist()
    return view.apply(store.read(rows), plates)


def _check_copy(trained: TrainedModel, copy: TrainedModel, images: Pixels) -> None:
    if not np.array_equal(trained.embed(images), copy.embed(images)):
        raise PhenovaeError("what was written does not embed as the run's model does")


def _config_of(
    card: Card, weights: str, dimension: int, agreement: Agreement | None, folder: Path
) -> Mapping[str, object]:
    view = View.from_json(card.origin.view)
    scale = view.screen_scale() if view.scales else None
    return {
        "kind": _KIND,
        "format": FORMAT,
        "phenovae": card.phenovae,
        "channels": list(card.channels),
        "crops": {
            "axes": "height, width, channel",
            "size_px": list(card.origin.crop_size or ()),
            "dtype": card.origin.dtype,
            "pixel_size_um": card.origin.pixel_size_um,
        },
        "view": view.options.model_dump(mode="json"),
        "scale": None
        if scale is None
        else {"low": list(scale.low), "high": list(scale.high), "source": scale.source},
        "images": {"axes": "n, channel, height, width", "shape": list(card.shape), "range": [0, 1]},
        "embedding": {"dimensions": dimension, "is": readout_words(card)},
        "latent": card.recipe.model.latent,
        "model": card.recipe.model.model_dump(mode="json"),
        "labels": card.labels,
        "seed": card.seed,
        "split_sha256": card.origin.split_hash,
        "cells_sha256": card.origin.store,
        "weights_sha256": weights,
        "onnx": None if agreement is None else onnx_facts(agreement),
        "files_sha256": {
            path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.is_file()
        },
    }


def _versions(run: Path, card: Card) -> dict[str, str]:
    """Versions that the run was last written with, and that of phenovae which trained the model."""
    told = {"phenovae": card.phenovae}
    found = mapping(mapping(read_json(run / "run.json")).get("versions"))
    return told | {name: str(found[name]) for name in ("python", "torch", "numpy") if name in found}
