"""CITATION.cff and codemeta.json say what pyproject.toml says, and CHANGELOG.md knows the version."""

from __future__ import annotations

import json
import re
from datetime import date

import yaml

from harness import __version__
from tests.docs.structure import ROOT


def test_citation_and_codemeta_agree_with_the_project() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    meta = json.loads((ROOT / "codemeta.json").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    stated = {
        key: re.search(rf'^{key} = "(.*)"$', project, re.MULTILINE) for key in ("license", "description")
    }
    licence, description = (match[1] if match else None for match in stated.values())
    assert cff["version"] == meta["version"] == __version__
    assert cff["license"] == licence and str(meta["license"]).endswith(f"/{licence}")
    assert meta["description"] == description and cff["abstract"].startswith(description)
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[:2] == ["Unreleased", f"{__version__} - {meta['datePublished']}"]
    assert (
        str(cff["date-released"])
        == meta["datePublished"]
        == date.fromisoformat(meta["datePublished"]).isoformat()
    )
    assert cff["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= set(cff)
