"""A compliant package on disk, made in milliseconds and without training.

Times, losses and accuracies are made up, but consistent with each other: the log, the arrival
timeline, run.json, the data set, the system description, the recipe and the manifest all agree.
Tests change one thing (`edit_events`, `edit_json`, ...) and see which rule notices; `reseal`
restores the agreement of everything that is derived from the logs, as a careful cheat would.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from mlperf_logging.mllog.mllog import MLLogger

from harness.package.manifest import write_manifest
from harness.plan.recipe import Recipe
from harness.telemetry.recorder.file import Anchor, SampleWriter
from harness.telemetry.sources.base import Kind, QuantitySpec, Source
from reference.data.dataset import dataset_digest
from reference.protocol.spec import Data, Geometry, Hyperparameters, RunSpec, Split
from rules.model.layout import RESULT_PATTERN, PackageLayout, RunFiles
from rules.model.package import Dataset, DatasetFile
from rules.model.run import RunRecord

BASE_WALL_S = 1_790_000_000.0  # September 2026
BOOT_WALL_S = BASE_WALL_S - 50_000.0  # the monotonic clock's zero
RUN_PITCH_S = 300.0
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TARGET = 0.90
PRECISIONS = {"fp32": "float32", "tf32": "float32", "bfloat16": "mixed_bfloat16"}  # logged -> asked for

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class PackageOptions:
    """What to build. The defaults are a closed entry of a CPU-only machine on the quick data set."""

    org: str = "ExampleLab"
    system: str = "testbox"
    implementation: str = "reference"
    division: str = "closed"
    status: str = "research"
    runs: int = 5
    seeds: tuple[int, ...] | None = None  # default: large, distinct, fixed
    not_converged: tuple[int, ...] = ()  # these runs stop at max_epochs without the target
    max_epochs: int = 200
    train_files: int = 20
    test_files: int = 5
    nodes: int = 1
    accelerators_per_node: int = 0
    precision: str = "fp32"
    hyperparameters: Hyperparameters = Hyperparameters()
    power: bool = False
    telemetry: bool = False
    weights: bool = True
    best_of: int | None = None


class BuiltPackage:
    """Where the package is, and ways to spoil it."""

    def __init__(self, layout: PackageLayout, options: PackageOptions) -> None:
        self.layout = layout
        self.options = options

    @property
    def root(self) -> Path:
        return self.layout.root

    def run_files(self, run: int) -> RunFiles:
        return RunFiles(self.layout.run_dir(run))

    def events(self, run: int) -> Lines:
        text = self.layout.result(run).read_text()
        return [json.loads(line.split(":::MLLOG ", 1)[1]) for line in text.splitlines()]

    def edit_events(self, run: int, change: Callable[[Lines], Lines | None], reseal: bool = True) -> None:
        """Rewrite one log; `change` edits the list in place or returns a new one."""
        events = self.events(run)
        result = change(events)
        events = events if result is None else result
        self.layout.result(run).write_text("".join(f":::MLLOG {json.dumps(e)}\n" for e in events))
        if reseal:
            self.reseal()

    def edit_text(self, path: Path, change: Callable[[str], str], reseal: bool = True) -> None:
        path.write_text(change(path.read_text()))
        if reseal:
            self.reseal()

    def edit_json(self, path: Path, change: Callable[[Any], Any], reseal: bool = True) -> None:
        """Rewrite a JSON file; `change` edits the value in place or returns a new one."""
        value = json.loads(path.read_text())
        result = change(value)
        path.write_text(json.dumps(value if result is None else result, indent=1))
        if reseal:
            self.reseal(timeline=False)

    def reseal(self, timeline: bool = True) -> None:
        """Make timeline, run.json's digests and the manifest agree with the logs as they are now."""
        for path in sorted(self.layout.results_dir.glob("result_*.txt")):
            match = RESULT_PATTERN.match(path.name)
            files = self.run_files(int(match[1])) if match else None
            if files is None or path.is_symlink() or not files.record.exists():
                continue
            if timeline and files.timeline.exists():
                _write_timeline(files.timeline, path.read_text(errors="replace").splitlines())
            _seal_record(files, path)
        write_manifest(self.root)


def build_package(root: Path, options: PackageOptions | None = None, **changes: Any) -> BuiltPackage:
    """Write a compliant package to root/<org>; keyword arguments change single options."""
    options = replace(options or PackageOptions(), **changes)
    layout = PackageLayout(root / options.org, options.system)
    dataset = make_dataset(options)
    _write_json(layout.dataset, {"schema": 1, **asdict(dataset)})
    _write_system(layout, options)
    recipe = _write_code(layout, options)
    _write_json(layout.plan, _plan(options, recipe, dataset))
    for run in range(options.runs):
        _write_run(layout, options, dataset, run)
    write_manifest(layout.root)
    return BuiltPackage(layout, options)


# ---------------------------------------------------------------- data set, system, code


def make_dataset(options: PackageOptions) -> Dataset:
    geometry = Geometry(scene_height=300, scene_width=375, patch_size=64)
    split = Split()

    def scenes(folder: str, year: int, count: int) -> list[DatasetFile]:
        days = ((1 + i // 28, 1 + i % 28) for i in range(count))
        names = [f"{folder}/S3A_SL_1_RBT____{year}{month:02d}{day:02d}T101112.hdf" for month, day in days]
        return [DatasetFile(name, 4_050_000, _sha(name)) for name in names]

    train, test = scenes("one-day", 2019, options.train_files), scenes("ssts", 2020, options.test_files)
    in_train = int(options.train_files * split.train_fraction)
    digest = dataset_digest(train, test, geometry, split)
    return Dataset(
        profile="quick",
        synthetic=True,
        root="data/quick",
        digest=digest,
        geometry=asdict(geometry),
        split=asdict(split),
        train=train,
        test=test,
        train_samples=in_train * geometry.patches_per_scene,
        eval_samples=(options.train_files - in_train) * geometry.patches_per_scene,
        description="Synthetic scenes, made for a test.",
    )


def system_fields(options: PackageOptions) -> dict[str, str]:
    """The 33 MLPerf fields, all strings."""
    gpu = options.accelerators_per_node > 0
    return {
        "submitter": options.org,
        "division": options.division,
        "status": "Research, Development, or Internal (RDI)",
        "system_name": options.system,
        "number_of_nodes": str(options.nodes),
        "host_processors_per_node": "1",
        "host_processor_model_name": "AMD EPYC 9B45",
        "host_processor_core_count": "2",
        "host_processor_vcpu_count": "2",
        "host_processor_frequency": "2600 MHz",
        "host_processor_caches": "L1d 48 KiB, L2 1 MiB, L3 32 MiB",
        "host_processor_interconnect": "",
        "host_memory_capacity": "16 GB",
        "host_storage_type": "NVMe SSD",
        "host_storage_capacity": "64 GB",
        "host_networking": "none used",
        "host_networking_topology": "single node",
        "host_memory_configuration": "1 x 16 GB DDR5",
        "accelerators_per_node": str(options.accelerators_per_node),
        "accelerator_model_name": "NVIDIA A100-SXM4-80GB" if gpu else "none",
        "accelerator_host_interconnect": "PCIe 4.0 x16" if gpu else "none",
        "accelerator_frequency": "1410 MHz" if gpu else "",
        "accelerator_on-chip_memories": "40 MB L2" if gpu else "",
        "accelerator_memory_configuration": "HBM2e" if gpu else "none",
        "accelerator_memory_capacity": "80 GB" if gpu else "none",
        "accelerator_interconnect": "NVLink" if gpu else "none",
        "accelerator_interconnect_topology": "",
        "cooling": "air",
        "hw_notes": "",
        "framework": "TensorFlow 2.20.0, Keras 3.15.0",
        "other_software_stack": "Python 3.11.9, HDF5 1.14.4",
        "operating_system": "Debian GNU/Linux 12, kernel 6.1.0",
        "sw_notes": "",
    }


def _write_system(layout: PackageLayout, options: PackageOptions) -> None:
    fields = system_fields(options)
    _write_json(layout.system_json, fields)
    probed = {
        name: fields[name]
        for name in ("host_processor_model_name", "host_processor_core_count", "accelerators_per_node")
    }
    _write_json(
        layout.detected,
        {
            "schema": 1,
            "detected": probed,
            "provenance": {name: "probed" if name in probed else "typed" for name in fields},
        },
    )


def _plan(options: PackageOptions, recipe: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    return {
        "schema": 1,
        "org": options.org,
        "system": options.system,
        "implementation": options.implementation,
        "division": options.division,
        "runs": options.runs,
        "best_of": recipe.get("best_of"),
        "ruleset": "cloudmask-1.0",
        "recipe": Recipe.model_validate(recipe).model_dump(),
        "dataset_digest": dataset.digest,
        "harness_version": "0.1.0",
    }


def _write_code(layout: PackageLayout, options: PackageOptions) -> dict[str, Any]:
    h = options.hyperparameters
    recipe: dict[str, Any] = {
        "description": "A package made for a test.",
        "division": options.division,
        "status": options.status,
        "runs": options.runs,
        "implementation": options.implementation,
        "precision": PRECISIONS[options.precision],
        "data": {"profile": "quick"},
        "hyperparameters": {
            "global_batch_size": h.global_batch_size,
            "learning_rate": h.learning_rate,
            "max_epochs": options.max_epochs,
        },
        "launcher": "slurm" if options.nodes > 1 else "local",
        "devices": {"nodes": options.nodes, "accelerators_per_node": options.accelerators_per_node},
    }
    if options.division == "open":
        recipe["best_of"] = options.best_of or options.runs
    code = layout.code_dir
    _write(code / "recipe.yaml", yaml.safe_dump(recipe, sort_keys=False))
    _write(code / "README.md", "# How to run\n\n`make submit SYSTEM=testbox`\n")
    for script, line in (
        ("setup.sh", "make setup"),
        ("init_datasets.sh", "cloudmask data synthesize --profile quick"),
        ("run_and_time.sh", "cloudmask submit --system testbox"),
    ):
        _write(code / script, f"#!/bin/sh\nset -e\n{line}\n")
    companion = {
        "starting_weights_filename": "none: he_normal kernels, zero biases",
        "weight_transformations": "none",
        "weight_data_types": "fp32",
        "input_data_types": "fp32",
        "retraining": "no",
        "notes": "",
    }
    _write_json(layout.companion_json(options.implementation), companion)
    _write(
        layout.implementation_dir(options.implementation) / "README.md",
        f"The reference implementation, commit {COMMIT}.\n",
    )
    return recipe


# ---------------------------------------------------------------- one run


class _LogWriter:
    """MLLOG lines by mlperf_logging's own logger, at times of our choosing."""

    def __init__(self, start_ms: int, rng: random.Random) -> None:
        self.lines: list[str] = []
        self.now_ms = start_ms
        self._rng = rng
        logger = logging.Logger("builder", logging.INFO)
        handler = logging.Handler(logging.INFO)
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        logger.addHandler(handler)
        self._logger = MLLogger(logger, root_dir=str(Path(__file__).resolve().parents[2]))

    def wait(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def _step(self) -> int:
        self.now_ms += self._rng.randint(0, 2)
        return self.now_ms

    def event(self, key: str, value: Any, **metadata: Any) -> None:
        self._logger.event(key, value, metadata=metadata or None, time_ms=self._step())

    def start(self, key: str, **metadata: Any) -> None:
        self._logger.start(key, metadata=metadata or None, time_ms=self._step())

    def end(self, key: str, **metadata: Any) -> None:
        self._logger.end(key, metadata=metadata or None, time_ms=self._step())


def run_seeds(options: PackageOptions) -> tuple[int, ...]:
    if options.seeds is not None:
        return options.seeds
    rng = random.Random(20261122)
    return tuple(rng.randrange(2**20, 2**31) for _ in range(options.runs))


def _write_run(layout: PackageLayout, options: PackageOptions, dataset: Dataset, run: int) -> None:
    seed = run_seeds(options)[run]
    rng = random.Random(f"{seed}-{run}")
    started_wall_s = BASE_WALL_S + run * RUN_PITCH_S
    files = RunFiles(layout.run_dir(run))
    log = _LogWriter(round(started_wall_s * 1000), rng)
    _log_submission(log, options, dataset)
    harness_lines = len(log.lines)
    _log_settings(log, options, dataset, seed)
    _log_training(log, options, dataset, rng, converge=run not in options.not_converged)
    weights = f"weights of run {run} from seed {seed}\n".encode()
    if options.weights:
        files.weights.parent.mkdir(parents=True, exist_ok=True)
        files.weights.write_bytes(weights)
        log.event("weights_digest", hashlib.sha256(weights).hexdigest())
    science = _log_inference(log, rng)
    result = layout.result(run)
    _write(result, "".join(line + "\n" for line in log.lines))
    if options.power:
        _write_power(layout, options, run, log.lines)
    _write_evidence(files, options, dataset, run, seed, log, harness_lines, science)
    _seal_record(files, result)


def _log_submission(log: _LogWriter, options: PackageOptions, dataset: Dataset) -> None:
    for key, value in (
        ("submission_benchmark", "cloudmask"),
        ("submission_org", options.org),
        ("submission_division", options.division),
        ("submission_status", options.status),
        ("submission_platform", options.system),
        ("submission_version", "cloudmask-harness 0.1.0"),
        ("submission_github_commit_version", COMMIT),
        ("number_of_nodes", options.nodes),
        ("accelerators_per_node", options.accelerators_per_node),
        ("dataset_digest", dataset.digest),
        ("config_filename", "recipe.yaml"),
    ):
        log.event(key, value)
    scenes = dataset.train + dataset.test
    size = sum(f.size_bytes for f in scenes)
    log.event(
        "cache_clear", True, method="posix_fadvise", files=len(scenes), bytes=size, resident_bytes_after=0
    )
    log.wait(1.2)


def _log_settings(log: _LogWriter, options: PackageOptions, dataset: Dataset, seed: int) -> None:
    h, split = options.hyperparameters, dataset.split
    in_train = int(options.train_files * split["train_fraction"])
    ranks = options.nodes * max(1, options.accelerators_per_node)
    log.start("init_start")
    log.wait(4.0)
    for key, value in (
        ("seed", seed),
        ("number_of_ranks", ranks),
        ("global_batch_size", h.global_batch_size),
        ("micro_batch_size", h.global_batch_size // ranks),
        ("gradient_accumulation_steps", 1),
        ("tensor_parallelism", 1),
        ("pipeline_parallelism", 1),
        ("context_parallelism", 1),
        ("expert_parallelism", 1),
        ("opt_name", "adam"),
        ("opt_base_learning_rate", h.learning_rate),
        ("opt_adam_beta_1", h.adam_beta_1),
        ("opt_adam_beta_2", h.adam_beta_2),
        ("opt_adam_epsilon", h.adam_epsilon),
        ("opt_weight_decay", 0.0),
        ("loss_function", "binary_crossentropy"),
        ("max_epochs", options.max_epochs),
        ("early_stopping_patience", h.early_stopping_patience),
        ("evaluation_frequency", 1),
        ("target_quality", h.target_accuracy),
        ("lowest_numerical_precision_in_linear", options.precision),
        ("lowest_numerical_precision_in_comm", "fp32"),
        ("model_parameters_count", 1948609),
        ("patch_size", dataset.geometry["patch_size"]),
        ("train_samples", dataset.train_samples),
        ("eval_samples", dataset.eval_samples),
        ("train_scenes", in_train),
        ("eval_scenes", options.train_files - in_train),
        ("test_scenes", options.test_files),
        ("split_digest", _sha(f"{dataset.digest} split")),
    ):
        log.event(key, value)
    log.wait(2.5)
    log.end("init_stop")


def _curve(rng: random.Random, epochs: int, converge: bool) -> list[float]:
    """Accuracies that climb to the target in the last epoch, or never reach it."""
    if not converge:
        return [0.86 - 0.2 / e + rng.uniform(-0.01, 0.01) for e in range(1, epochs + 1)]
    climb = [TARGET - 0.14 * (1 - (e - 1) / epochs) + rng.uniform(-0.01, 0.0) for e in range(1, epochs)]
    return [*climb, TARGET + rng.uniform(0.002, 0.012)]


def _log_training(
    log: _LogWriter, options: PackageOptions, dataset: Dataset, rng: random.Random, converge: bool
) -> None:
    epochs = rng.randint(3, 6) if converge else options.max_epochs
    samples = dataset.train_samples
    log.start("run_start")
    for epoch, accuracy in enumerate(_curve(rng, epochs, converge), start=1):
        count = epoch * samples
        train_s, eval_s = rng.uniform(9.0, 10.0), rng.uniform(0.8, 1.1)
        log.start("epoch_start", epoch_num=epoch)
        log.wait(train_s)
        log.end("epoch_stop", epoch_num=epoch, samples_count=count)
        stats = {
            "train_loss": 0.25 + 0.3 / epoch + rng.uniform(0, 0.02),
            "train_accuracy": min(0.95, accuracy + rng.uniform(0, 0.01)),
            "throughput": samples / train_s,
        }
        log.event("tracked_stats", stats, epoch_num=epoch, samples_count=count)
        log.start("eval_start", epoch_num=epoch)
        log.wait(eval_s)
        log.event(
            "eval_loss", 0.26 + 0.32 / epoch + rng.uniform(0, 0.01), epoch_num=epoch, samples_count=count
        )
        log.event("eval_accuracy", accuracy, epoch_num=epoch, samples_count=count)
        log.end("eval_stop", epoch_num=epoch)
    status = "success" if converge else "aborted"
    log.end("run_stop", status=status, epoch_num=epochs, samples_count=epochs * samples)


def _log_inference(log: _LogWriter, rng: random.Random) -> dict[str, Any]:
    seconds_per_scene = rng.uniform(1.4, 1.6)
    log.start("inference_start")
    log.wait(seconds_per_scene * 5)
    log.end("inference_stop")
    result = {
        "test_accuracy": {
            "value": TARGET + rng.uniform(-0.01, 0.01),
            "meaning": "share of test pixels labelled as in the Bayesian mask",
            "unit": "1",
        },
        "test_iou": {
            "value": 0.80 + rng.uniform(-0.01, 0.01),
            "meaning": "intersection over union of cloud",
            "unit": "1",
        },
        "seconds_per_scene": {
            "value": seconds_per_scene,
            "meaning": "time to mask one test scene",
            "unit": "s",
        },
    }
    log.event("result", result)
    return result


# ---------------------------------------------------------------- evidence


def _write_evidence(
    files: RunFiles,
    options: PackageOptions,
    dataset: Dataset,
    run: int,
    seed: int,
    log: _LogWriter,
    harness_lines: int,
    science: dict[str, Any],
) -> None:
    started_s = BASE_WALL_S + run * RUN_PITCH_S
    finished_s = log.now_ms / 1000 + 0.5
    spec = _spec(options, dataset, run, seed)
    _write(files.spec, json.dumps(spec, indent=1))
    _write(files.output, "".join(line + "\n" for line in log.lines[harness_lines:]))
    _write_json(files.science, _science(science, options.test_files))
    _write_timeline(files.timeline, log.lines, harness_lines)
    for node in range(options.nodes if options.telemetry else 0):
        accelerators = options.accelerators_per_node
        write_telemetry(files.telemetry(node), log.lines, accelerators=accelerators, node=node)
    scenes = dataset.train + dataset.test
    record = RunRecord(
        schema=1,
        run=run,
        status="success" if run not in options.not_converged else "aborted",
        reason=None if run not in options.not_converged else "the target was not reached in max_epochs",
        seed=seed,
        command=["python", "-u", "-m", "reference"],
        host="node0.example",
        boot_id="6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        started_wall_s=started_s,
        finished_wall_s=finished_s,
        duration_s=finished_s - started_s,
        exit_code=0,
        cache={
            "method": "posix_fadvise",
            "files": len(scenes),
            "bytes": sum(f.size_bytes for f in scenes),
            "resident_bytes_after": 0,
        },
        spec=spec,
        software={"python": "3.11.9", "tensorflow": "2.20.0", "commit": COMMIT, "dirty": False},
        files={},
        peak_rss_bytes=1_500_000_000,
    )
    _write_json(files.record, asdict(record))


def _science(result: dict[str, Any], scenes: int) -> dict[str, Any]:
    """science.json with the numbers of the log's `result`."""
    overall = {n.removeprefix("test_"): r["value"] for n, r in result.items() if n.startswith("test_")}
    seconds = result["seconds_per_scene"]["value"]
    return {
        "schema": 1,
        "scenes": scenes,
        "seconds_per_scene": {"median": seconds, "mean": seconds},
        "overall": overall,
    }


def _spec(options: PackageOptions, dataset: Dataset, run: int, seed: int) -> dict[str, Any]:
    root = "/data/quick"
    data = Data(
        profile=dataset.profile,
        digest=dataset.digest,
        train_files=[f"{root}/{f.name}" for f in dataset.train],
        test_files=[f"{root}/{f.name}" for f in dataset.test],
        geometry=Geometry(**dataset.geometry),
        split=Split(**dataset.split),
    )
    hyperparameters = replace(options.hyperparameters, max_epochs=options.max_epochs)
    precision = PRECISIONS[options.precision]
    spec = RunSpec(run, seed, data, "/out", hyperparameters, precision)
    result: dict[str, Any] = json.loads(spec.to_json())
    return result


def _write_timeline(path: Path, lines: list[str], harness_lines: int | None = None) -> None:
    """Arrivals a millisecond after the time each line states; lines before init_start are the harness'."""
    if harness_lines is None:
        harness_lines = next((n for n, line in enumerate(lines) if '"init_start"' in line), len(lines))
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            wall_s = json.loads(line.split(":::MLLOG ", 1)[1])["time_ms"] / 1000 + 0.001
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError):
            wall_s = BASE_WALL_S
        row = {
            "line": number,
            "monotonic_s": round(wall_s - BOOT_WALL_S, 6),
            "wall_s": wall_s,
            "source": "harness" if number <= harness_lines else "child",
            "digest": _sha(line)[:16],
        }
        rows.append(json.dumps(row) + "\n")
    _write(path, "".join(rows))


def _seal_record(files: RunFiles, result: Path) -> None:
    """run.json's `files`: digests of the log and of the evidence beside it."""
    record = json.loads(files.record.read_text())
    beside = {p.name: p for p in files.root.iterdir() if p.is_file() and p != files.record}
    record["files"] = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted({**beside, result.name: result}.items())
    }
    _write_json(files.record, record)


class _Machine(Source):
    """A busy machine: cores of the process tree, and accelerators where there are any."""

    name = "machine"

    def __init__(self, accelerators: int, more: Sequence[QuantitySpec] = ()) -> None:
        self._accelerators, self._more = accelerators, more

    def quantities(self) -> list[QuantitySpec]:
        gpus = [QuantitySpec("gpu_utilization", "%", f"gpu{i}") for i in range(self._accelerators)]
        watts = [QuantitySpec("gpu_power", "W", f"gpu{i}") for i in range(self._accelerators)]
        return [QuantitySpec("cpu", "%", "process_tree", Kind.RATE), *gpus, *watts, *self._more]

    def read(self) -> list[float | None]:
        raise NotImplementedError


def write_telemetry(
    path: Path,
    lines: list[str],
    accelerators: int = 0,
    busy_percent: float = 180.0,
    start_s: float = -2.0,
    stop_s: float = 2.0,
    hole_s: float = 0.0,
    noise: str | None = None,
    gpu_w: float = 250.0,
    more: Mapping[QuantitySpec, Callable[[float], float]] | None = None,
    source: str = "machine",
    remark: str = "",
    node: int = 0,
) -> None:
    """A sampler file at 2 Hz, start_s after run_start to stop_s after run_stop, with a hole in the middle.

    `noise` seeds what the readings vary by (default: the time of the run). `more`: further quantities,
    each with its value by seconds since the first sample. `remark`: what the sampler notes half way.
    """
    more = more or {}
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in lines]
    at = {e["key"]: e["time_ms"] / 1000 for e in events if e["key"] in ("run_start", "run_stop")}
    first_s, last_s = at["run_start"] + start_s, at["run_stop"] + stop_s
    middle_s = (first_s + last_s) / 2
    path.unlink(missing_ok=True)
    writer = SampleWriter(
        path, f"node_{node}", f"node{node}.example", 0.5, Anchor(first_s, first_s - BOOT_WALL_S)
    )
    machine = _Machine(accelerators, list(more))
    machine.name = source
    writer.begin([machine], {machine.name: 0.5})
    count = int((last_s - first_s) / 0.5) + 1
    times = [first_s + 0.5 * i for i in range(count)]
    gpu, rng = min(busy_percent, 95.0), random.Random(noise or f"{first_s}{node or ''}")
    writer.append(
        machine.name,
        [
            (
                t - BOOT_WALL_S,
                [
                    *_reading(rng, busy_percent, [gpu] * accelerators, [gpu_w] * accelerators),
                    *[value(t - first_s) for value in more.values()],
                ],
            )
            for t in times
            if abs(t - middle_s) >= hole_s / 2
        ],
    )
    if remark:
        writer.event(remark, middle_s - BOOT_WALL_S)
    writer.flush()
    writer.close()


def _reading(rng: random.Random, busy_percent: float, gpus: list[float], gpus_w: list[float]) -> list[float]:
    """Utilisation of the process tree, utilisation and watts of each accelerator, a little noisy."""
    shake = rng.uniform(0.97, 1.03)
    return [v * shake for v in (busy_percent, *gpus, *gpus_w)]


def _write_power(layout: PackageLayout, options: PackageOptions, run: int, lines: list[str]) -> None:
    """One node file per node: a reading per 0.5 s from just before run_start to just after run_stop."""
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in lines]
    window = {e["key"]: e["time_ms"] for e in events if e["key"] in ("run_start", "run_stop")}
    for node in range(options.nodes):
        rng = random.Random(f"power {run} {node}")
        log = _LogWriter(window["run_start"] - 800, rng)
        log.event("conversion_eff", 0.94, measurement_type="AC")
        log.start("power_measurement_start")
        while log.now_ms < window["run_stop"] + 300:
            log.wait(0.5)
            log.event("power_reading", round(rng.uniform(180, 240), 1))
        log.end("power_measurement_stop")
        _write(layout.power_dir(run) / f"node_{node}.txt", "".join(line + "\n" for line in log.lines))
    if options.nodes > 1:
        log = _LogWriter(window["run_start"] - 800, random.Random(run))
        log.event("conversion_eff", 0.94, measurement_type="AC")
        log.event("interconnect_power_est", 350.0)
        _write(layout.power_dir(run) / "sw_0.txt", "".join(line + "\n" for line in log.lines))


# ---------------------------------------------------------------- small things


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _write_json(path: Path, value: Any) -> None:
    _write(path, json.dumps(value, indent=1) + "\n")
