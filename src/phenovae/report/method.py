"""How the scores came about, and what they do not say, in words made from the record."""

from __future__ import annotations

from phenovae.evaluate.provenance import read_training
from phenovae.evaluate.scores import MECHANISM, kind_of
from phenovae.report.content import ReportContent
from phenovae.report.facts import mapping, split_words
from phenovae.report.words import MODEL


def method_sentences(content: ReportContent) -> list[str]:
    """How the scores came about, and what they do not say."""
    if "evaluate" in content.skipped:
        return [f"Nothing was scored: {content.skipped['evaluate']}."]
    unit = content.unit
    trained = [record.get("training") for record in content.records if record["features"] == MODEL]
    training = mapping(trained[0]) if trained else {}
    labels = str(training.get("labels", "none"))
    track = read_training(training).track.capitalize() if training else ""
    said = [
        "Labels used in training: none; mechanisms were never seen."
        if labels == "none"
        else f"{track}. Labels used in training: {labels}; scores share no column with those of "
        "models that saw none."
    ]
    balance = mapping(content.options.get("sampling")).get("balance")
    if balance not in (None, "none"):
        said[0] += f" How often {unit}s were drawn was evened out by {balance}."
    side = mapping(content.options.get("evaluate")).get("cells", "all")
    if side in ("all", "train"):
        said.append(
            f"The scored {unit}s are the ones of the training ({split_words(content.splits)}); "
            "scores tell how well the latents order known treatments, not how the model does on "
            "unseen plates."
        )
    else:
        said.append(
            f"The scored {unit}s are those of the {side} side of the splits alone "
            f"({split_words(content.splits)}); the model was not trained on them."
        )
    kept_by = content.summary.get("kept_by")
    if kept_by == "validation ELBO":
        said.append("The checkpoint was chosen by the validation ELBO alone, never by a score.")
    elif kept_by is not None:
        said.append(f"The checkpoint was chosen by: {kept_by}; never by a score.")
    numbers = sorted(
        {k for r in content.records if kind_of(r) == MECHANISM and isinstance(k := r.get("k"), int)}
    )
    said += [
        f"NSC k={k} and NSCB k={k} go by the mechanism that most of the {k} nearest neighbours "
        "have, not by that of the nearest alone."
        for k in numbers
    ]
    said.append(
        "Controls are neither queries nor neighbours. Intervals are a bootstrap over compounds; p "
        "compares with worlds in which compounds have swapped mechanisms. Neither covers the noise "
        "of training."
    )
    return said
