"""Typed options: every room declares its own, the pipeline puts them together."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A group of settings. Unknown keys are errors; values do not change once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
