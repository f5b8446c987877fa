"""A made-up MLPerf HPC v3.0 package on disk: logs, system description and code folder, no evidence."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.ruleset import Ruleset, load_ruleset
from tests.support.builders import Lines, PackageOptions, system_fields

HPC: Ruleset = load_ruleset("hpc-3.0.0")
BASE_MS = 1_695_000_000_000
SETTINGS: dict[str, dict[str, Any]] = {
    "cosmoflow": {
        "global_batch_size": 512,
        "train_samples": 524288,
        "eval_samples": 65536,
        "opt_name": "SGD",
        "opt_base_learning_rate": 0.006,
        "opt_learning_rate_warmup_epochs": 6,
        "opt_learning_rate_warmup_factor": 4.0,
        "opt_learning_rate_decay_boundary_epochs": [19, 21],
        "opt_learning_rate_decay_factor": [0.5, 0.25],
        "dropout": 0.5,
        "opt_weight_decay": 0.0,
    },
    "deepcam": {
        "global_batch_size": 2048,
        "train_samples": 121266,
        "eval_samples": 15158,
        "gradient_accumulation_frequency": 1,
        "batchnorm_group_size": 1,
        "opt_name": "LAMB",
        "opt_lr": 0.004,
        "opt_betas": [0.9, 0.999],
        "opt_eps": 1e-6,
        "opt_bias_correction": True,
        "opt_grad_averaging": True,
        "opt_max_grad_norm": 1.0,
        "scheduler_type": "multistep",
        "scheduler_milestones": [4096, 8192],
        "scheduler_decay_rate": 0.1,
        "scheduler_lr_warmup_steps": 100,
        "scheduler_lr_warmup_factor": 1.0,
    },
    "oc20": {
        "global_batch_size": 2048,
        "train_samples": 2000000,
        "eval_samples": 25000,
        "opt_name": "AdamW",
        "opt_base_learning_rate": 0.0016,
        "opt_learning_rate_warmup_steps": 3908,
        "opt_learning_rate_warmup_factor": 0.2,
        "opt_learning_rate_decay_boundary_steps": [23448, 31264],
        "opt_learning_rate_decay_factor": 0.1,
    },
    "openfold": {
        "global_batch_size": 256,
        **HPC.of("openfold").reference,
        "opt_base_learning_rate": 0.001,
        "opt_learning_rate_warmup_init": 1e-5,
        "opt_learning_rate_warmup_steps": 0,
        "initial_training_dataloader_type": "InitialTrainingDataloaderPT",
    },
}
# epochs that the reference needs at these batch sizes, a little above
EPOCHS = {"cosmoflow": 24, "deepcam": 24, "oc20": 34, "openfold": 14}
SAMPLES_PER_EVALUATION = 256 * 40


@dataclass(frozen=True)
class HpcPackage:
    """An organisation's folder with one entry, and ways to spoil it."""

    root: Path
    system: str
    scaling: str
    benchmark: str

    @property
    def results(self) -> Path:
        return self.root / "results" / self.system / self.scaling / self.benchmark

    @property
    def description(self) -> Path:
        return self.root / "systems" / f"{self.system}.json"

    @property
    def logs(self) -> list[Path]:
        return sorted(self.results.glob("result_*.txt"))

    def edit(self, change: Callable[[Lines], Any], runs: slice = slice(0, 1)) -> None:
        """Edit the events of these runs in place (all: slice(None))."""
        for path in self.logs[runs]:
            events = [json.loads(line[len(":::MLLOG ") :]) for line in path.read_text().splitlines()]
            change(events)
            _write_lines(path, events)

    def describe(self, **fields: Any) -> None:
        value = json.loads(self.description.read_text())
        self.description.write_text(json.dumps({**value, **fields}))


def build_hpc(
    root: Path,
    benchmark: str = "deepcam",
    scaling: str = "strong",
    division: str = "closed",
    org: str = "ExampleLab",
    system: str = "cluster",
    faster: int = 0,
    runs: int | None = None,
) -> HpcPackage:
    """Write a compliant entry; every run takes `faster` epochs fewer than the reference roughly does."""
    built = HpcPackage(root / org, system, scaling, benchmark)
    runs = runs or HPC.of(benchmark).division(division).runs_minimum
    built.results.mkdir(parents=True)
    built.description.parent.mkdir(exist_ok=True)
    nodes = 16 * (runs if scaling == "weak" else 1)
    fields = system_fields(
        PackageOptions(org=org, system=system, division=division, nodes=nodes, accelerators_per_node=4)
    )
    built.description.write_text(json.dumps({**fields, "status": "onprem", "division": division}))
    for run in range(runs):
        start_ms = BASE_MS + (run * 100 if scaling == "weak" else run * 7_200_000)
        _write_lines(built.results / f"result_{run}.txt", _events(built, division, run, start_ms, faster))
    code = built.root / "benchmarks" / benchmark / system
    code.mkdir(parents=True, exist_ok=True)
    for name in HPC.package.code_files:
        (code / name).write_text("# as published\n")
    companion = dict.fromkeys(HPC.package.companion_fields, "none")
    (code / f"{system}_reference.json").write_text(json.dumps(companion))
    implementation = built.root / "benchmarks" / benchmark / "implementations" / "reference"
    implementation.mkdir(parents=True, exist_ok=True)
    (implementation / "train.py").write_text("# as published\n")
    return built


def _write_lines(path: Path, events: Lines) -> None:
    path.write_text("".join(f":::MLLOG {json.dumps(e)}\n" for e in events))


def _events(built: HpcPackage, division: str, run: int, start_ms: int, faster: int) -> Lines:
    rng = random.Random(f"{built.benchmark} {run}")
    events: Lines = []
    now_ms = start_ms

    def say(
        key: str, value: Any = None, kind: str = "POINT_IN_TIME", wait_s: float = 0.0, **more: Any
    ) -> None:
        nonlocal now_ms
        now_ms += round(wait_s * 1000)
        events.append(
            {
                "namespace": "",
                "time_ms": now_ms,
                "event_type": kind,
                "key": key,
                "value": value,
                "metadata": {"file": "train.py", "lineno": 10, **more},
            }
        )

    say("cache_clear", True)
    say("init_start", kind="INTERVAL_START")
    for key, value in (
        ("submission_benchmark", built.benchmark),
        ("submission_org", built.root.name),
        ("submission_division", division),
        ("submission_status", "onprem"),
        ("submission_platform", built.system),
        ("seed", rng.randrange(1, 2**31)),
        ("number_of_nodes", 16),
        ("accelerators_per_node", 4),
        *SETTINGS[built.benchmark].items(),
    ):
        say(key, value)
    say("init_stop", kind="INTERVAL_END", wait_s=40)
    say("run_start", kind="INTERVAL_START")
    quality = HPC.of(built.benchmark).quality
    epochs = EPOCHS[built.benchmark] - faster + run % 2
    for epoch in range(1, epochs + 1):
        number = epoch * SAMPLES_PER_EVALUATION if built.benchmark == "openfold" else epoch
        share = 1.4 - 0.4 * epoch / epochs if quality.better == "lower" else 0.5 + 0.5 * epoch / epochs
        noise = rng.uniform(0.0005, 0.001)
        value = quality.target * share + (noise if epoch < epochs and quality.better == "lower" else -noise)
        if epoch == epochs and quality.better == "higher":
            value = quality.target + noise
        say("epoch_start", kind="INTERVAL_START", epoch_num=number)
        say("epoch_stop", kind="INTERVAL_END", wait_s=rng.uniform(50, 60), epoch_num=number)
        say("eval_start", kind="INTERVAL_START", epoch_num=number)
        say(quality.key, value, wait_s=rng.uniform(4, 5), epoch_num=number)
        say("eval_stop", kind="INTERVAL_END", epoch_num=number)
    say("run_stop", kind="INTERVAL_END", status="success", epoch_num=number)
    return events
