"""The panels of a report, found by looking into the folders beside this file.

A folder <anchor>/ with a panel.py is a panel: panel.py holds PANEL, a ReportPanel, and template.html beside
it is the panel's body. Its builder, charts and data classes lie in the same folder. Nothing else lists them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import create_model

from harness.report import panels as package
from harness.report.material import Material
from harness.report.model import Report

TEMPLATE = "template.html"


@dataclass(frozen=True)
class Built:
    """The content of a panel: fields of data.json by name, pictures by file name, and notes for the reader."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _nothing_built(material: Material) -> Built:
    return Built()


def _nothing_more(report: Report) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class ReportPanel:
    """One section of a report's page.

    `build` makes the panel's fields of data.json; it never raises for what a package holds. `view` gives the
    template what it needs beside the report itself, which is `r` there. A field that Report does not define
    is declared in `adds`, with its type; it stands at the end of data.json and in its schema.
    """

    anchor: str  # name of the folder, and of the section in links
    title: str
    link: str  # a word or two, in the table of contents
    order: int  # panels stand on the page by order
    build: Callable[[Material], Built] = _nothing_built
    view: Callable[[Report], Mapping[str, Any]] = _nothing_more
    adds: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""  # one line for a reader who does not know the panel

    @property
    def template(self) -> str:
        """Name of the template in the folders of the panels."""
        return f"{self.anchor}/{TEMPLATE}"


def folders() -> tuple[Path, ...]:
    """Where panels, and so their templates, are looked for."""
    return tuple(Path(path) for path in package.__path__)


def all_panels() -> list[ReportPanel]:
    """Every panel, in the order of the page."""
    found: list[ReportPanel] = []
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            found.append(import_module(f"{package.__name__}.{module.name}.panel").PANEL)
    return sorted(found, key=lambda panel: (panel.order, panel.anchor))


def report_model() -> type[Report]:
    """The type of data.json: Report, with the fields that panels add to it."""
    added: dict[str, Any] = {name: (kind, ...) for panel in all_panels() for name, kind in panel.adds.items()}
    return create_model("Report", __base__=Report, **added) if added else Report
