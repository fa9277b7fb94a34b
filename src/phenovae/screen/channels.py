"""Where a channel's pixels are: in files of its own, or in a plane of files with several."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChannelSource:
    """A channel of a screen.

    `tag` is what names of files (or labels within files) have for it, where each channel is a
    file; `plane` counts from 0, where one file has several channels.
    """

    tag: str | None = None
    plane: int | None = None
