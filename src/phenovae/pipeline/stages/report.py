"""Stage `report`: everything a run found, in one file."""

from __future__ import annotations

from phenovae.pipeline import paths
from phenovae.pipeline.stage import Outcome, Stage, Work


def _report(work: Work) -> Outcome:
    from phenovae.pipeline.gather import gather
    from phenovae.report.build import write_report

    size = write_report(gather(work.run, work.config), work.run / paths.REPORT)
    return Outcome({"megabytes": round(size / 1e6, 2)})


REPORT = Stage(
    name="report",
    version=5,
    needs=("sites", "cells", "split", "train", "diagnose", "profile", "evaluate"),
    can_do_without=("split", "train", "diagnose", "profile", "evaluate"),
    outputs=(paths.REPORT,),
    options=lambda config: {"report": config.report.model_dump(mode="json")},
    perform=_report,
    says="writing the report",
    verb="report",
)
