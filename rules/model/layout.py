"""Every file name of a package, in one place: the builder and the checker both ask here.

The layout is MLPerf HPC v3.0's (Submission rules 5.6), with the evidence beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

BENCHMARK = "cloudmask"
STRONG = "strong"  # scaling: time to train of one model
WEAK = "weak"  # throughput: many models at the same time
MANIFEST = "MANIFEST.sha256"
STATEMENT = "STATEMENT.dsse.json"  # signed, over the manifest, which therefore does not list it
REPORTS = "reports"
WEIGHTS = "weights.weights.h5"  # of the last evaluation
FAILED_LOG = "result.txt"  # the log of a run that was not finished, beside its record
RESULT_PATTERN = re.compile(r"result_([0-9]{1,9})\.txt\Z")
RUN_FOLDER = re.compile(r"result_([0-9]{1,9})\Z")
_LITTER = {".DS_Store", ".localized", ".gitkeep", "Thumbs.db", "desktop.ini"}


def run_number(name: str) -> int | None:
    """The number of a result file, zero-padded or not; None for another name."""
    match = RESULT_PATTERN.match(name)
    return int(match[1]) if match else None


def beside_of(path: Path) -> Path:
    """Where a signed statement may lie beside a package: the name of its folder or archive, and .dsse.json."""
    return path.absolute().with_name(f"{path.absolute().name}.dsse.json")


def is_litter(name: str) -> bool:
    """Whether a path is one that desktops and git leave behind (.DS_Store, ._x, __MACOSX/): nobody wrote it."""
    base = name.rsplit("/", 1)[-1]
    return base in _LITTER or base.startswith("._") or "__MACOSX" in name.split("/")


class PackageLayout(msgspec.Struct, frozen=True):
    """Paths of one organisation's entry for one system."""

    root: Path  # submissions/<org>
    system: str
    scaling: str = STRONG
    benchmark: str = BENCHMARK

    @property
    def system_json(self) -> Path:
        """The description of the machine."""
        return self.root.joinpath("systems", f"{self.system}.json")

    @property
    def code_dir(self) -> Path:
        """Recipe, README and scripts of the system."""
        return self.root.joinpath("benchmarks", self.benchmark, self.system)

    def implementation_dir(self, implementation: str) -> Path:
        """README or code of an implementation."""
        return self.root.joinpath("benchmarks", self.benchmark, "implementations", implementation)

    @property
    def recipe(self) -> Path:
        """How the system runs the benchmark."""
        return self.code_dir / "recipe.yaml"

    def companion_json(self, implementation: str) -> Path:
        """How weights and inputs were treated (Submission rules 5.8)."""
        return self.code_dir / f"{self.system}_{implementation}.json"

    @property
    def results_dir(self) -> Path:
        """The result logs."""
        return self.root.joinpath("results", self.system, self.scaling, self.benchmark)

    def result(self, run: int) -> Path:
        """The log of one scored run."""
        return self.results_dir / f"result_{run}.txt"

    @property
    def pruned_dir(self) -> Path:
        """Weak scaling: models that were trained but are not counted (HR 7.2)."""
        return self.results_dir / "pruned_results"

    @property
    def scaling_json(self) -> Path:
        """A factor for the score, which mlperf_logging's tools write; only compared here."""
        return self.results_dir / "scaling.json"

    def power_dir(self, run: int) -> Path:
        """Power readings of whole nodes during one run."""
        return self.results_dir.joinpath("power", f"result_{run}")

    @property
    def evidence_dir(self) -> Path:
        """What the harness recorded beside the logs."""
        return self.root.joinpath("evidence", self.system, self.scaling, self.benchmark)

    def run_dir(self, run: int) -> Path:
        """Evidence of one run."""
        return self.evidence_dir / f"result_{run}"

    def failed_dir(self, attempt: int) -> Path:
        """Runs that failed: retained and marked, never scored."""
        return self.evidence_dir.joinpath("failed", f"attempt_{attempt}")

    @property
    def plan(self) -> Path:
        """What was to run."""
        return self.evidence_dir / "plan.json"

    @property
    def dataset(self) -> Path:
        """What was trained and tested on, file by file."""
        return self.evidence_dir / "dataset.json"

    @property
    def detected(self) -> Path:
        """What was probed on the machine that ran, and where each system field comes from."""
        return self.evidence_dir / "system_detected.json"

    @property
    def witness(self) -> Path:
        """The witness: what the harness wrote down as it happened, with an outside clock's stamps."""
        return self.evidence_dir / "witness.jsonl"

    @property
    def report_dir(self) -> Path:
        """The HTML report."""
        return self.root / REPORTS / self.system  # of time-to-train; throughput has no page

    @property
    def manifest(self) -> Path:
        """Digests of all files."""
        return self.root / MANIFEST

    @property
    def statement(self) -> Path:
        """Who signed the manifest, and with which verdict."""
        return self.root / STATEMENT


class RunFiles(msgspec.Struct, frozen=True):
    """File names inside `evidence/.../result_<i>/`."""

    root: Path

    @property
    def record(self) -> Path:
        """The harness' account of the run."""
        return self.root / "run.json"

    @property
    def spec(self) -> Path:
        """What the implementation was asked to do."""
        return self.root / "spec.json"

    @property
    def timeline(self) -> Path:
        """When each line of the log arrived."""
        return self.root / "timeline.jsonl"

    def telemetry(self, node: int = 0) -> Path:
        """What was sampled on one node."""
        return self.root / f"telemetry_node_{node}.h5"

    @property
    def weights(self) -> Path:
        """The weights of the last evaluation."""
        return self.root / WEIGHTS

    @property
    def output(self) -> Path:
        """What the implementation wrote beside the log."""
        return self.root / "output.log"

    @property
    def bill(self) -> Path:
        """What was installed where it ran: a bill of materials (CycloneDX)."""
        return self.root / "sbom.cdx.json"

    @property
    def science(self) -> Path:
        """Metrics on the test scenes."""
        return self.root / "science.json"

    @property
    def gallery(self) -> Path:
        """Some test scenes with their predictions."""
        return self.root / "gallery.h5"
