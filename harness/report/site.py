"""What every page shares: the template engine, its filters, the one style sheet and script, the policy.

Style and script stand in the page itself and are named by digest in its Content-Security-Policy, so a
page works from any path, offline, and can neither load nor run anything else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import __version__
from harness.errors import UserError
from harness.files import write_atomic
from harness.report import labels, text
from harness.report.science import position

TEMPLATES = Path(__file__).resolve().parent / "templates"


@lru_cache(maxsize=4)
def environment(extra: Path | None = None) -> Environment:
    """The template engine: always escaping, and failing on a name that does not exist."""
    folders = [TEMPLATES, *([extra] if extra else [])]
    engine = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    engine.filters.update(
        duration=text.duration,
        duration_text=text.duration_text,
        energy=text.energy,
        fixed=text.fixed,
        percent=text.percent,
        plural=text.plural,
        quantity=text.quantity,
        seconds=text.seconds_text,
        size=text.size,
        position=lambda row: position(row.latitude, row.longitude),
    )
    style, script = _asset("page.css"), _asset("page.js")
    engine.globals.update(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        tool=f"cloudmask-harness {__version__}",
        footnotes=labels.FOOTNOTES,
        verdicts=labels.VERDICTS,
        outcomes=labels.OUTCOMES,
        severities=labels.SEVERITIES,
        views=labels.VIEWS,
        metric_names=labels.METRICS,
    )
    return engine


def _asset(name: str) -> str:
    return re.sub(r"\s*\n\s*", "\n", (TEMPLATES / name).read_text(encoding="utf-8")).strip() + "\n"


def _policy(style: str, script: str) -> str:
    """No network, no frames, no forms; only this style, this script and pictures beside the page."""

    def digest(asset: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(asset.encode()).digest()).decode()}'"

    parts = {
        "default-src": "'none'",
        "style-src": digest(style),
        "script-src": digest(script),
        "img-src": "'self' file: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def render(template: str, now: datetime | float, extra: Path | None = None, **values: Any) -> str:
    """A page as text. `now` is the time of generation it states."""
    page = environment(extra).get_template(template).render(generated=text.timestamp(now), **values)
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+", "\n", page)


def write_folder(folder: Path, files: dict[str, str | bytes], last: str, stale: re.Pattern[str]) -> Path:
    """Write files into a folder, the page `last` after everything it refers to; returns its path.

    Each file is replaced atomically. Files whose name matches `stale` and that are not written this
    time are removed afterwards: leftovers of an earlier report. Raises UserError when it cannot be written.
    """
    try:
        for name in sorted(files, key=lambda n: (n == last, n)):
            write_atomic(folder / name, files[name])
        for path in sorted(folder.iterdir()):
            if stale.fullmatch(path.name) and path.name not in files and path.is_file():
                path.unlink()
    except OSError as error:
        raise UserError(
            f"Cannot write {folder}: {error.strerror}.", "free space, check permissions or use --out."
        ) from error
    return folder / last
