"""A doctor of a model's folder: its files, weights, card, diagnostics and history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json
from phenovae.base.findings import Finding, fault, note, warning
from phenovae.cells.feature_checks import ACTIVE_VARIANCE
from phenovae.evaluate.provenance import Training
from phenovae.report.facts import listed, mapping
from phenovae.vae.file_names import DIAGNOSTICS, HISTORY, WEIGHTS


def examine_model(folder: Path) -> tuple[list[tuple[str, str]], list[Finding]]:
    """What a model is, in names and values, and what is wrong with its folder."""
    from phenovae.vae.model_files import load_model

    said: list[Finding] = []
    facts: list[tuple[str, str]] = []
    try:
        trained = load_model(folder)
    except PhenovaeError as error:
        said.append(fault(error.what, mend=error.mend or "copy the folder anew, or train again"))
    else:
        card = trained.card
        facts.append(
            (
                "model",
                f"{card.recipe.model.size}, {card.recipe.model.latent} latents, epoch "
                f"{card.summary.kept_epoch} of {card.summary.epochs}",
            )
        )
        facts.append(("track", Training(labels=card.labels).track))
        said += _of_weights(folder)
        if card.summary.collapsed:
            said.append(_collapse("its card says so"))
        if card.summary.sigma_at_bound:
            said.append(
                warning(
                    "σ stands at its lower bound: the likelihood is held there",
                    mend="train longer, or raise what the view keeps of noise",
                )
            )
    told_already = any("collapse" in each.what for each in said)
    said += [e for e in _of_diagnostics(folder) if not (told_already and "collapse" in e.what)]
    said += _of_history(folder)
    return facts, once(said)


def _of_weights(folder: Path) -> Iterator[Finding]:
    from safetensors.numpy import load_file

    odd = [
        name for name, array in load_file(folder / WEIGHTS).items() if not np.isfinite(array).all()
    ]
    if odd:
        yield fault("weights that are no finite numbers", odd, "train again")


def _of_diagnostics(folder: Path) -> Iterator[Finding]:
    try:
        told = mapping(read_json(folder / DIAGNOSTICS))
    except InputError as error:
        yield note(error.what, mend="phenovae train writes it at its end")
        return
    variances = [
        float(v) for v in listed(told.get("variance_of_mean")) if isinstance(v, int | float)
    ]
    active, latent = told.get("active_units"), told.get("latent")
    if active == 0:
        yield _collapse(f"0 of {latent} units are active by {DIAGNOSTICS}")
    elif isinstance(active, int) and isinstance(latent, int) and active < latent / 2:
        yield note(
            f"{active} of {latent} units are active",
            [f"z_{n:03d}" for n, v in enumerate(variances) if v <= ACTIVE_VARIANCE],
            "fewer latents would do: model.latent",
        )
    elbo = told.get("elbo_nats")
    if not isinstance(elbo, int | float) or not math.isfinite(elbo):
        yield fault(f"the ELBO in {DIAGNOSTICS} is {elbo}", mend="train again")


def _of_history(folder: Path) -> Iterator[Finding]:
    if not (folder / HISTORY).is_file():
        yield note(f"there is no {HISTORY}")
        return
    try:
        history = pd.read_csv(folder / HISTORY)
    except (OSError, ValueError) as error:
        yield fault(f"{HISTORY} cannot be read: {error}")
        return
    numbers = history.select_dtypes("number")
    bad = [str(name) for name in numbers if np.isinf(numbers[name].to_numpy(np.float64)).any()]
    bad += [
        str(name)
        for name in numbers
        if str(name).startswith("train_") and numbers[name].isna().any()
    ]
    if bad:
        yield fault(
            f"{HISTORY} holds values that are no finite numbers", bad, "lower train.learning_rate"
        )


def _collapse(why: str) -> Finding:
    return fault(
        f"posterior collapse: {why}",
        mend="objective.kl_warmup_epochs, objective.free_bits, or a lower objective.beta",
    )


def once(findings: list[Finding]) -> list[Finding]:
    """The findings without repetition, in order."""
    return list(dict.fromkeys(findings))
