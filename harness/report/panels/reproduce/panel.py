"""Commands that reproduce the result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from harness.report.drawing.text import clean
from harness.report.material import Material
from harness.report.model import DatasetCard, Identity
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.reproduce.model import Command
from harness.report.verdict import planned_ruleset
from rules.model.layout import MANIFEST
from rules.model.package import Package
from rules.ruleset import DEFAULT


def commands(package: Package, who: Identity, data: DatasetCard | None, ruleset: str) -> Iterator[Command]:
    """Exact commands, for a checkout in which this package lies at submissions/<org>.

    They name `ruleset`, which judged, where it is not what they take by themselves.
    """
    folder, own = _folder(who), planned_ruleset(package)
    by = "" if ruleset == (own or DEFAULT) else f" --ruleset {shlex.quote(clean(ruleset, 80))}"
    system = shlex.quote(who.system)
    yield Command(purpose="Judge this package again", command=f"cloudmask check {folder}{by}")
    if by and own:
        purpose = "Judge it by its own rulebook"
        yield Command(purpose=purpose, command=f"cloudmask check {folder} --ruleset {shlex.quote(own)}")
    if MANIFEST in package.files or (package.manifest and package.manifest.present):
        yield Command(
            purpose="See that no file changed", command=f"(cd {folder} && sha256sum --quiet -c {MANIFEST})"
        )
    if replay := replay_command(package, who, data):
        purpose = "Compute the accuracy again from the stored weights"
        yield Command(purpose=purpose, command=replay)
    again = f"cloudmask report {folder} --system {system}{by}"
    yield Command(purpose="Render this report again", command=again)
    if data and data.synthetic:
        profile = shlex.quote(data.profile)
        yield Command(
            purpose="Make the same scenes", command=f"cloudmask data synthesize --profile {profile}"
        )
    if who.commit:
        yield Command(purpose="Take the code that ran", command=f"git checkout {shlex.quote(who.commit)}")
    yield Command(
        purpose="See what would run, without running it", command=f"cloudmask plan --system {system}"
    )
    yield Command(purpose="Run it on your machine", command=f"make submit SYSTEM={system}")


def replay_command(package: Package, who: Identity, data: DatasetCard | None) -> str:
    """What evaluates the stored weights again; empty where the package holds none.

    Where submitters keep scenes of their own is not known: for these it says DATA.
    """
    if not any(run.weights_sha256 for run in package.runs):
        return ""
    scenes = shlex.quote(f"data/{data.profile}") if data and data.synthetic else "DATA"
    return f"cloudmask check {_folder(who)} --replay --data {scenes}"


def _folder(who: Identity) -> str:
    return shlex.quote(f"submissions/{who.org}")


def _build(material: Material) -> Built:
    m = material
    return Built({"reproduce": list(commands(m.package, m.identity, m.dataset, m.verdict.ruleset))})


PANEL = ReportPanel(
    anchor="reproduce",
    title="How to reproduce",
    link="Reproduce",
    order=100,
    build=_build,
    about="Commands to check and repeat it.",
)
