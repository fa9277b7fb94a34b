"""Stage `twin`: a synthetic screen, drawn into the run."""

from __future__ import annotations

import os

from phenovae.pipeline import paths
from phenovae.pipeline.stage import Outcome, Stage, Work


def _perform(work: Work) -> Outcome:
    from phenovae.twin.screen import make_twin

    summary = make_twin(
        work.config.twin,
        work.run / paths.TWIN,
        work.config.seed,
        work.progress,
        processes=os.cpu_count() or 1,
    )
    return Outcome({"summary": summary.as_dict()})


TWIN = Stage(
    name="twin",
    version=1,
    needs=(),
    outputs=(paths.TWIN,),
    options=lambda config: {"twin": config.twin.model_dump(mode="json")},
    perform=_perform,
    says="drawing a synthetic screen",
    verb="sites",
)
