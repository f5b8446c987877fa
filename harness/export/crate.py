"""A package as an RO-Crate: ro-crate-metadata.json after the profile Process Run Crate 0.5 (Workflow Run profiles).

Sources: RO-Crate 1.1, https://w3id.org/ro/crate/1.1; https://w3id.org/ro/wfrun/process/0.5. Every run is a CreateAction
(in PROV's terms an activity): carried out by the implementation, from recipe, data set and parameters, to log and
weights. Persons are never asked for; the submitting organisation is the agent. What a package does not state is left
out or called "not stated".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from harness.core.files import sha256
from harness.export.crate_things import (
    DATASET,
    EXPORTER,
    MACHINE,
    Entity,
    data_set,
    machine,
    record_digests,
    ref,
    scored,
    software,
    value,
)
from harness.export.science import HYPERPARAMETERS
from harness.report.drawing.text import clean
from harness.score.model import Score
from rules.model.findings import Verdict
from rules.model.package import Package
from rules.model.run_facts import RunFacts

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
    {"prov": "http://www.w3.org/ns/prov#", "sha256": "http://schema.org/sha256"},
]
_FORMATS = {
    ".cdx.json": "application/vnd.cyclonedx+json",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".yaml": "application/yaml",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".sh": "text/x-shellscript",
    ".h5": "application/x-hdf5",
}
_OTHER = "application/octet-stream"
_PARAMETERS = ("seed", *HYPERPARAMETERS)
_LICENCE = "Licence as stated on export"


def metadata(
    package: Package,
    verdict: Verdict,
    score: Score,
    content: Mapping[str, Path | bytes],
    licence: str | None,
    published: datetime,
) -> bytes:
    """The crate's metadata as JSON-LD; `published` where no run says when it ended."""
    files = {name: _file(name, what) for name, what in content.items()}
    parts = _Parts(package, files, content)
    runs = [entity for run in package.runs for entity in parts.run(run)]
    things = parts.things(score)
    actions = [ref(e["@id"]) for e in runs if e["@type"] == "CreateAction"]
    name = f"CloudMask: {clean(package.org, 80)}, {clean(str(package.system_name), 80)}"
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": f"Runs of the MLCommons Science CloudMask benchmark. {_standing(verdict, score)}",
        "datePublished": (parts.last_end() or published).date().isoformat(),
        "license": ref(licence) if licence else "Not stated by the submitter.",
        "conformsTo": ref(PROFILE),
        "author": ref(parts.organisation["@id"]),
        "publisher": ref(parts.organisation["@id"]),
        "hasPart": [ref(e["@id"]) for e in files.values()],
        "mentions": [*actions, *(ref(e["@id"]) for e in things if e["@id"] in (MACHINE, DATASET, EXPORTER))],
        "variableMeasured": [ref(e["@id"]) for e in scored(score)],
    }
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": ref("https://w3id.org/ro/crate/1.1"),
            "about": ref("./"),
        },
        root,
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        parts.organisation,
        *([{"@id": licence, "@type": "CreativeWork", "name": licence, "description": _LICENCE}] if licence else []),
        *things,
        *runs,
        *files.values(),
    ]  # fmt: skip
    document = {"@context": _CONTEXT, "@graph": _once(graph)}
    return (json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


class _Parts:
    """The entities of one package."""

    def __init__(
        self, package: Package, files: Mapping[str, Entity], content: Mapping[str, Path | bytes]
    ) -> None:
        self._package, self._files, self._files_of = package, files, content
        name = clean(package.org, 80)
        self.organisation: Entity = {"@id": f"#org-{quote(name)}", "@type": "Organization", "name": name}
        self._tool = f"#implementation-{quote(self._implementation())}"

    def _implementation(self) -> str:
        stated = (self._package.plan or {}).get("implementation")
        return clean(stated, 80) if isinstance(stated, str) and stated else "implementation"

    def _versions(self) -> dict[str, str]:
        record = next((run.record for run in self._package.runs if run.record), None)
        found = record.software if record else {}
        return {clean(k, 60): clean(v, 80) for k, v in found.items() if isinstance(v, str)}

    def things(self, score: Score) -> list[Entity]:
        """Software, machine, data set and score."""
        bills = (
            self._files_of.get(self._package.evidence_of(r.index).bill.as_posix()) for r in self._package.runs
        )
        bill = record_digests(next((bill for bill in bills if bill is not None), None))
        made = software(self._tool, self._implementation(), self._versions(), bill)
        return [*made, *machine(self._package), *data_set(self._package), *scored(score)]

    def last_end(self) -> datetime | None:
        """When the last run ended, by the harness."""
        ends = [_instant(run.record.finished_wall_s) for run in self._package.runs if run.record]
        return max((end for end in ends if end), default=None)

    def run(self, run: RunFacts) -> list[Entity]:
        """One run: the action, its parameters and its results."""
        layout, evidence = self._package.layout, self._package.evidence_of(run.index).root.as_posix()
        used = [layout.recipe.as_posix(), layout.dataset.as_posix(), f"{evidence}/spec.json"]
        made = [run.path, *(n for n in self._files if n.startswith(f"{evidence}/") and n not in used)]
        parameters = [
            value(f"#run-{run.index}-{key}", key, what)
            for key in _PARAMETERS
            if isinstance(what := run.settings.value(key), (str, int, float)) and not isinstance(what, bool)
        ]
        results = [
            value(f"#run-{run.index}-{key}", key, what)
            for key, what in (
                ("time_to_train_s", run.time_to_train_s),
                ("validation_accuracy", run.last_evaluation.value if run.last_evaluation else None),
                ("test_accuracy", (run.science or {}).get("overall", {}).get("accuracy")),
                ("seconds_per_scene", run.seconds_per_scene),
                ("energy_j", run.energy.joule if run.energy else None),
            )
            if what is not None
        ]
        data = [ref(DATASET)] if self._package.dataset else []
        objects = [*self._present(used), *data, *(ref(p["@id"]) for p in parameters)]
        outcome = [*self._present(made), *(ref(r["@id"]) for r in results)]
        action: Entity = {
            "@id": f"#run-{run.index}",
            "@type": "CreateAction",
            "name": f"Run {run.index}",
            "description": "Train to the target, evaluate, predict the test scenes",
            "instrument": ref(self._tool),
            "agent": ref(self.organisation["@id"]),
            "object": objects,
            "result": outcome,
            "actionStatus": f"http://schema.org/{'Completed' if run.converged else 'Failed'}ActionStatus",
            "prov:used": [*objects, *([ref(MACHINE)] if self._package.system else [])],
            "prov:generated": outcome,
            "prov:wasAssociatedWith": ref(self.organisation["@id"]),
        }  # fmt: skip
        if not run.converged:
            action["error"] = f"did not converge: status {clean(run.status, 40) or 'not stated'}"
        for key, at in _span(run).items():
            action[key] = at
        return [action, *parameters, *results]

    def _present(self, names: Iterable[str]) -> list[Entity]:
        return [ref(self._files[name]["@id"]) for name in names if name in self._files]


def _span(run: RunFacts) -> dict[str, str]:
    """Start and end of the process, by the harness; of the timed part, by the log, where there is no record."""
    if run.record:
        times = (run.record.started_wall_s, run.record.finished_wall_s)
    else:
        times = tuple(None if t is None else t / 1000 for t in (run.timed.start_ms, run.timed.stop_ms))  # type: ignore[assignment]
    found = {key: _instant(at) for key, at in zip(("startTime", "endTime"), times, strict=True)}
    return {key: at.isoformat(timespec="milliseconds") for key, at in found.items() if at}


def _instant(at_s: float | None) -> datetime | None:
    try:
        return None if at_s is None else datetime.fromtimestamp(at_s, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _standing(verdict: Verdict, score: Score) -> str:
    told = "consistent with" if verdict.verdict == "compliant" else "not consistent with"
    time = "no score" if score.time_to_train_s is None else f"score {score.time_to_train_s:.3f} s to train"
    return (
        f"When exported, {told} the rules {verdict.ruleset}; {time}. Unverified: not reviewed by MLCommons."
    )


def _file(name: str, what: Path | bytes) -> Entity:
    size = len(what) if isinstance(what, bytes) else what.stat().st_size
    digest = hashlib.sha256(what).hexdigest() if isinstance(what, bytes) else sha256(what)
    return {
        "@id": quote(name),
        "@type": "File",
        "name": clean(PurePosixPath(name).name, 200),
        "contentSize": str(size),
        "encodingFormat": next((kind for end, kind in _FORMATS.items() if name.endswith(end)), _OTHER),
        "sha256": digest,
    }


def _once(graph: Iterable[Entity]) -> list[Entity]:
    """Each identifier once: the first statement counts."""
    return list({entity["@id"]: entity for entity in reversed(list(graph))}.values())[::-1]
