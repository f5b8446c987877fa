"""What `cloudmask check --format` offers; each renderer is loaded only when it is asked for."""

from __future__ import annotations

from harness.check.formats.origin import Origin
from rules.model.findings import Verdict

FORMATS = ("text", "json", "junit", "sarif", "github")


def render(form: str, verdict: Verdict, origin: Origin, width: int = 100, colour: bool = False) -> str:
    """The verdict in one of FORMATS; `width` (columns) and `colour` only matter to text."""
    if form == "json":
        from harness.check.formats.json_record import render_json

        return render_json(verdict)
    if form == "junit":
        from harness.check.formats.junit import render_junit

        return render_junit(verdict)
    if form == "sarif":
        from harness.check.formats.sarif import render_sarif

        return render_sarif(verdict, origin)
    if form == "github":
        from harness.check.formats.github import render_github

        return render_github(verdict, origin)
    from harness.check.formats.text import render_text

    return render_text(verdict, width, colour)
