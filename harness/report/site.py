"""What every page shares: the template engine, its filters, the style sheet and scripts, the policy.

Style and scripts are part of the page itself and named by digest in its Content-Security-Policy, so a page
works from any path, offline, and can neither load nor run anything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness import __version__
from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.core.words import plural
from harness.report.drawing import labels, text
from harness.report.model import MAX_LISTED
from harness.score.words import UNVERIFIED

TEMPLATES = Path(__file__).resolve().parent / "templates"
NOTHING = re.compile(r"(?!)")
LONGEST = 90  # letters of what stands above every printed page, on the left


@lru_cache(maxsize=4)
def environment(extra: tuple[Path, ...] = ()) -> Environment:
    """The template engine: always escaping, and failing on a name that does not exist.

    `extra` are folders of templates beyond the common ones.
    """
    engine = Environment(
        loader=FileSystemLoader([TEMPLATES, *extra]),
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
        plural=plural,
        left_over=text.left_over,
        runs_of=text.runs_of,
        quantity=text.quantity,
        seconds=text.seconds_text,
        size=text.size,
        ticked=ticked,
        position=lambda row: text.position(row.latitude, row.longitude),
    )
    engine.globals.update(
        max_listed=MAX_LISTED,
        said=text.said,
        tool=f"cloudmask-harness {__version__}",
        footnotes=labels.FOOTNOTES,
        statement=UNVERIFIED,
        verdicts=labels.VERDICTS,
        verdict_words=labels.verdict_words,
        outcomes=labels.OUTCOMES,
        severities=labels.SEVERITIES,
        software_rows=labels.software_rows,
        views=labels.VIEWS,
        metric_names={name: label.name for name, label in labels.METRICS.items()},
    )
    return engine


@dataclass(frozen=True)
class Assets:
    """The style sheet and script of one kind of page, and the policy that allows these and no others."""

    style: Markup
    script: Markup
    policy: str


@lru_cache(maxsize=16)
def assets(names: tuple[Path, ...], loads: bool) -> Assets:
    """The files of a page joined: .css into its style, .js into its script.

    `loads` allows the script to load further scripts of the same site; nothing else ever can.
    """
    style, script = (
        "".join(_asset(path) for path in names if path.suffix == suffix) for suffix in (".css", ".js")
    )
    return Assets(Markup(style), Markup(script), _policy(style, script, loads))


def _asset(path: Path) -> str:
    """The text of a file without indentation and comments; of a style sheet, without needless spaces and zeros."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    kept = "\n".join(line for line in lines if line and not line.startswith("//"))
    kept = re.sub(r"(?m)(?<=[;}]) // .*$| (?=\{$)", "", kept)
    if path.suffix == ".css":
        needless = r'"[^"]*"|(?<=[:;,{]) | (?=[{}!])|;? ?(?=})|\n| > |(?<=[ (:,])0(?=\.)'
        kept = re.sub(needless, lambda found: found[0].strip(" ;\n0"), kept)
    return kept + "\n"


def _policy(style: str, script: str, loads: bool) -> str:
    """No network, no frames, no forms; only this style, this script and pictures beside the page."""
    parts = {
        "default-src": "'none'",
        "style-src": _digest(style),
        "script-src": f"{_digest(script)} 'strict-dynamic'" if loads else _digest(script),
        "img-src": "'self' file: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def _digest(asset: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(asset.encode()).digest()).decode()}'"


def running_head(left: str, right: str) -> Markup:
    """A style sheet of what stands above every printed page. All but plain letters is escaped: names are others'."""

    def quoted(said: str) -> str:
        return re.sub(r"[^A-Za-z0-9 .,:()-]", lambda found: f"\\{ord(found[0]):x} ", said)

    boxes = (("left", text.clean(left, LONGEST)), ("right", text.clean(right, LONGEST)))
    rules = "".join(f'@top-{side}{{content:"{quoted(said)}"}}' for side, said in boxes)
    return Markup(f"@page{{{rules}}}")


def unverified(synthetic: bool) -> str:
    """What a page says above its prints on the right: that nobody verified it, and of which data it is."""
    return "SYNTHETIC data, unverified" if synthetic else "unverified"


COMMON = (TEMPLATES / "page.css", TEMPLATES / "chart.css", TEMPLATES / "page.js")


def render(
    template: str,
    now: datetime | float,
    extra: tuple[Path, ...] = (),
    files: tuple[Path, ...] = (),
    loads: bool = False,
    running: tuple[str, str] = ("Unofficial CloudMask results", "unverified"),
    **values: Any,
) -> str:
    """A page as text. `now` is the time of generation it states.

    `extra` are further folders of templates; `files` are style sheets and scripts beyond the common ones;
    `running` stands above every page of a print, left and right.
    """
    used, head = assets((*COMMON, *files), loads), running_head(*running)
    page = (
        environment(extra)
        .get_template(template)
        .render(
            generated=text.timestamp(now),
            style=used.style,
            script=used.script,
            policy=used.policy.replace("; script-src", f" {_digest(head)}; script-src"),
            running=head,
            **values,
        )
    )
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+", "\n", page)


def fragment(template: str, folders: tuple[Path, ...], **values: Any) -> Markup:
    """A part of a page, from a template in one of `folders`."""
    return Markup(environment(folders).get_template(template).render(**values))


def ticked(value: str) -> Markup:
    """Text, escaped, with what stands between backticks as code; as it is where one of them is alone."""
    parts = value.split("`")
    if len(parts) % 2 == 0:
        return escape(value)
    shown = (
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
    return Markup("").join(shown)


def data_block(value: Any) -> Markup:
    """JSON that may stand in a <script type="application/json"> or a script: ASCII, without < or &."""
    plain = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def write_folder(
    folder: Path,
    files: dict[str, str | bytes],
    last: str,
    stale: re.Pattern[str] = NOTHING,
    durable: bool = True,
) -> Path:
    """Write files into a folder, the page `last` after everything it refers to; returns its path.

    Each file is replaced atomically, unless nobody reads the folder yet (not `durable`). Files whose name
    matches `stale` and that are not written this time are removed afterwards: leftovers of an earlier
    report. Raises UserError when it cannot be written.
    """
    try:
        for name in sorted(files, key=lambda n: (n == last, n)):
            if durable:
                write_atomic(folder / name, files[name])
            else:
                write_plain(folder / name, files[name])
        for path in sorted(folder.iterdir()):
            if stale.fullmatch(path.name) and path.name not in files and path.is_file():
                path.unlink()
    except OSError as error:
        raise UserError(
            f"Cannot write {folder}: {error.strerror}.", "free space, check permissions or use --out."
        ) from error
    return folder / last


def write_plain(path: Path, data: str | bytes) -> None:
    """Write a file in a folder that nobody reads yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
