"""PKG: the files of a package are those of its manifest, lie where they belong, and can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import MANIFEST, STATEMENT, WEAK
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

TOP_FILES = {MANIFEST, STATEMENT, "README.md", "LICENSE"}
RUN_EVIDENCE = re.compile(
    r"(run\.json|spec\.json|timeline\.jsonl|telemetry_node_\d+\.h5|weights\.weights\.h5|output\.log|science\.json"
    r"|gallery\.h5|sbom\.cdx\.json)\Z"
)

_VERIFIED = re.compile(r"(?<!not )verified by mlcommons")


@rule(
    "PKG004",
    "The manifest is complete and correct",
    Scope.PACKAGE,
    source="sources 1.R, E1, K1; sha256sum format",
    fix="Run `sha256sum -c MANIFEST.sha256` to see; nothing may change after packaging wrote it.",
)
def manifest(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """What was checked must be what was packaged: each file is listed, and has the bytes it had then."""
    status = package.manifest
    if status is None or not status.present:
        yield self.finding("there is no manifest", path=MANIFEST)
        return
    if status.problem:
        yield self.finding(f"the manifest cannot be used: {status.problem}", path=MANIFEST)
    for names, what in (
        (status.missing, "is listed, but missing"),
        (status.changed, "does not have the digest listed"),
        (status.unlisted, "is not listed"),
    ):
        for name in names:
            yield self.finding(f"{name} {what}", path=name)


@rule(
    "PKG005",
    "results/ holds results and nothing that excuses them",
    Scope.PACKAGE,
    source="TR 12.2, 13.1; sources H7, K1, K7, W17, W18, case 32, 33, 63",
    fix="Remove the file: scaling factors and bypasses are not the submitter's to give.",
)
def clean_results(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream multiplies the score by a scaling.json found in the package, and skips checks when a
    bypass file says so."""
    pruned = "(pruned_results/)?" if package.scaling == WEAK else ""  # HR 7.2: of weak scaling only
    allowed = re.compile(
        re.escape(package.layout.results_dir.as_posix())
        + rf"/({pruned}result[^/]*\.txt|power/result_\d+/[^/]+)\Z"
    )
    for name in package.files:
        base = name.rsplit("/", 1)[-1]
        if base in ruleset.package.bypass_files:
            at_work = name.startswith("results/")  # upstream looks for them there
            yield self.finding(
                f"{base} would excuse a result"
                if at_work
                else f"{base} excuses nothing here: is it left over?",
                severity=Severity.ERROR if at_work else Severity.WARNING,
                path=name,
            )
        elif name.startswith("results/") and not allowed.match(name) and not _of_another(name, package, 1):
            if name == package.layout.scaling_json.as_posix():
                continue  # CNV012 compares it with what the convergence points give
            if base.startswith("result") and base.endswith(".txt"):
                yield self.finding("is a result in a place where none is scored", path=name, fix=_MISPLACED)
            elif _RENAMED.match(base):
                yield self.finding(
                    "looks like a result under another name, and is not read",
                    severity=Severity.WARNING,
                    path=name,
                    fix="Unpack it where it is compressed, and call it result_<number>.txt.",
                )
            else:
                yield self.finding(
                    "is not a result: should it lie elsewhere?",
                    severity=Severity.WARNING,
                    path=name,
                    fix="Remove the file, or move it below benchmarks/: nobody reads it here.",
                )


_RENAMED = re.compile(r"result[ _.-]?\d+(?:\.(?:txt|log|out))?(?:\.(?:gz|bz2|xz|zst))?\Z", re.IGNORECASE)
_MISPLACED = "Move it to the other results of its entry, or remove it; only throughput may set runs aside."


def _of_another(name: str, package: Package, at: int) -> bool:
    """Whether a file belongs to another entry, or to another system that the organisation describes."""
    parts = name.split("/")
    if "/".join(parts[at : at + 3]) in package.entries:
        return "/".join(parts[at : at + 3]) != package.entry
    return len(parts) > at + 1 and parts[at] in package.system_names and parts[at] != package.system_name


@rule(
    "PKG006",
    "No foreign files",
    Scope.PACKAGE,
    source="SR 5.6; sources K1, J5",
    fix="Remove the file, or put it into benchmarks/cloudmask/<system>/.",
    severity=Severity.WARNING,
)
def foreign(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Files outside the layout are not read, and may be there by mistake."""
    evidence = re.compile(
        re.escape(package.layout.evidence_dir.as_posix())
        + r"/((plan|dataset|system_detected)\.json|witness\.jsonl|result_\d+/[^/]+|failed/attempt_\d+/[^/]+)\Z"
    )
    benchmarks = {package.benchmark, *(entry.rsplit("/", 1)[-1] for entry in package.entries)}
    for name in package.files:
        top = name.split("/", 1)[0]
        if name in TOP_FILES or top in ("results", "reports"):
            good = True  # results: PKG005
        elif top == "systems":
            good = re.fullmatch(r"systems/[^/]+\.json", name) is not None
        elif top == "benchmarks":
            good = name.count("/") > 1 and name.split("/")[1] in benchmarks
        elif top == "evidence":
            good = evidence.match(name) is not None or _of_another(name, package, 1)
            run_file = re.match(
                re.escape(package.layout.evidence_dir.as_posix()) + r"/result_\d+/([^/]+)\Z", name
            )
            good = good and (run_file is None or RUN_EVIDENCE.match(run_file[1]) is not None)
        else:
            good = False
        if not good:
            yield self.finding("is not part of the layout", path=name)
    for name in package.litter:
        yield self.finding(
            "was left by a desktop or by git, and is not read",
            path=name,
            fix="Delete it; all of macOS: find . \\( -name '._*' -o -name .DS_Store \\) -delete",
        )


@rule(
    "PKG007",
    "No links",
    Scope.PACKAGE,
    source="repo_checker; sources K11, W30",
    fix="Put the file itself into the package.",
)
def links(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A link can lead out of the package, to something that is not there tomorrow or not there for a
    reviewer. Links are not followed, so what lies behind them was not checked."""
    for link in package.links:
        how = (
            "leads out of the package" if not link.inside else "is broken" if not link.exists else "is a link"
        )
        yield self.finding(f"{how}: {show(link.target)}", path=link.path, actual=link.target)


@rule(
    "PKG008",
    "File names and sizes suit a repository",
    Scope.PACKAGE,
    source="repo_checker; sources K11",
    fix="Rename the file (letters, digits and -_.+), or keep large files elsewhere.",
)
def names_and_sizes(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Results are published in a repository: names with blanks break scripts, files over
    50 MB are refused."""
    for name in package.files:
        parts = name.split("/")
        if any(p.startswith(".") for p in parts) or not re.fullmatch(r"[A-Za-z0-9_.+,=@/()-]+", name):
            yield self.finding(f"the name {show(name)} has blanks, leading dots or odd characters", path=name)
        size = package.sizes.get(name, 0)
        if size > ruleset.package.file_limit_bytes:
            yield self.finding(
                f"{size / 1e6:.0f} MB",
                path=name,
                expected=f"<= {ruleset.package.file_limit_bytes}",
                actual=size,
            )


@rule(
    "PKG043",
    "The code folder holds files that a reviewer can read",
    Scope.PACKAGE,
    source="SR 5.6.1; sources K1, K11; untrusted input",
    fix="Keep what sets up and runs the benchmark below benchmarks/, and nothing else.",
)
def readable_code(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Reviewers read the code, repositories copy it: a hundred thousand files are neither, and empty ones
    say nothing."""
    code = [name for name in package.files if name.startswith("benchmarks/")]
    empty = [name for name in code if not package.sizes.get(name) and not name.endswith("/__init__.py")]
    for names, limit, what in (
        (code, ruleset.package.code_files_maximum, "files"),
        (empty, ruleset.package.empty_files_maximum, "empty files"),
    ):
        if limit is not None and len(names) > limit:
            yield self.finding(
                f"{len(names)} {what} below benchmarks/",
                path=names[0],
                expected=f"<= {limit}",
                actual=len(names),
            )


@rule(
    "PKG009",
    "Everything in the package can be read",
    (Scope.RUN, Scope.PACKAGE),
    source="sources W6, W15; untrusted input",
    fix="Write the file anew with the harness; do not edit it.",
    cause=True,
)
def readable(self: Rule, subject: Run | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """What cannot be read cannot be checked, and must not pass because of it."""
    for line in subject.problems if isinstance(subject, Run) else subject.unreadable:
        path, _, reason = line.partition(": ")
        yield self.finding(reason or line, path=path if reason else None)


@rule(
    "PKG014",
    "No data file is executable",
    Scope.PACKAGE,
    source="sources M3, W15; design of this rulebook: weights only",
    fix="Keep weights as .weights.h5, and code as text.",
)
def no_executables(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Pickles and saved models run code when they are opened; a review must not require that."""
    for name in [*package.files, *package.litter]:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in ruleset.package.forbidden_suffixes:
            yield self.finding(f"{suffix} files are not accepted", path=name)


@rule(
    "PKG020",
    "The report calls its scores unverified and names the division",
    Scope.PACKAGE,
    source="Messaging guidelines 1, 3.2; TR 4; sources P1, Q1, case 83",
    fix="Render the report again: `cloudmask report`.",
)
def report_honest(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Numbers that were not reviewed have to be marked so beside each score; a closed result is not an open
    one: a report edited after the check must not travel with a verdict."""
    name = (package.layout.report_dir / "index.html").as_posix()
    if name not in package.files:
        raise NotApplicable("there is no report in the package")
    limit = ruleset.package.report_limit_bytes
    if package.sizes.get(name, 0) > limit:
        raise NotChecked(f"the report is larger than {limit} bytes")
    try:
        text = (package.root / name).read_text(encoding="utf-8", errors="replace").lower()
    except OSError as error:
        raise NotChecked(f"the report cannot be read: {error.strerror}") from None
    words = [*ruleset.package.report_words, *([package.division] if package.division else [])]
    for word in words:
        if word not in text:
            yield self.finding(f"the word '{word}' is missing", path=name, expected=word)
    if _VERIFIED.search(text):
        yield self.finding(
            "it calls a result verified by MLCommons: no report of a submitter can",
            severity=Severity.WARNING,
            path=name,
        )
