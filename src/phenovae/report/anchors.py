"""Places within the report that other places point to."""

from __future__ import annotations

from typing import Self

from phenovae.base.file_names import slug
from phenovae.report.content import ReportContent
from phenovae.screen.design import treatment_text


class Link(str):
    """Text of a table that leads to an anchor of the page."""

    __slots__ = ("anchor",)

    anchor: str

    def __new__(cls, text: str, anchor: str) -> Self:
        """Text that leads to `anchor`."""
        made = super().__new__(cls, text)
        made.anchor = anchor
        return made


class Anchors:
    """The anchors of compounds that have a section; all others lead nowhere."""

    def __init__(self, content: ReportContent) -> None:
        self._compounds = {each.compound for each in content.compounds.compounds}
        self._of_treatment = {
            treatment_text(each.compound, dose.concentration): each.compound
            for each in content.compounds.compounds
            for dose in each.doses
        }

    def of_compound(self, compound: str) -> str:
        """The anchor of a compound's section, or nothing."""
        return f"compound-{slug(compound)}" if compound in self._compounds else ""

    def of_treatment(self, treatment: str) -> str:
        """The anchor of the section of a treatment's compound, or nothing."""
        return self.of_compound(self._of_treatment.get(treatment, ""))

    def link(self, treatment: str) -> str:
        """A treatment's name, as a link where its compound has a section."""
        anchor = self.of_treatment(treatment)
        return Link(treatment, anchor) if anchor else treatment
