r"""How far training moves the weights, and how exactly an epoch repeats: what the bounds of EVD070 to EVD083 are.

    D="--data data/smoke --profile smoke --batch 4 --seed 21 --states S"
    python -m tests.bench.lineage train $D --epochs 60 >> lines.jsonl
    python -m tests.bench.lineage again $D --threads 2 >> lines.jsonl
    python -m tests.bench.lineage ended submissions/lab >> lines.jsonl
    python -m tests.bench.lineage bounds lines.jsonl --record docs/bench/lineage.json \
        --out rules/rulesets/cloudmask-1.1/lineage.json

    python -m tests.bench.lineage alone docs/bench/lineage.json
    python -m tests.bench.other_framework ... >> lines.jsonl

`train` writes one JSON line an epoch, and keeps the states around some of them; `again` trains one epoch from each
of these, with other threads, devices or precision. `ended` writes a line for the end of each run of packages, of which
the harness trained each with so many processes. `bounds` sums up what all lines say, and `alone` judges each run by
the bounds of the others, and each of another framework by all of them. With --devices, processors are split into
virtual devices and trained on by the mirrored strategy.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rules.facts.lineage_bounds import Band, LineageBounds, Repeat
from rules.facts.log_reading import integer, number
from rules.model.evidence import KernelMove

KEPT = (1, 2, 3, 5, 10, 20, 40, 60)  # epochs whose states are kept
LOGGED = {"float32": "fp32", "mixed_bfloat16": "bfloat16", "mixed_float16": "fp16"}
GRID = 1.6  # between neighbouring numbers of steps of the bounds
LEAST_LOSS = 1e-3  # of the first epoch's loss: with the margin 0.3 %, where smoke data had at most 0.08 %
MARGINS = {"moved_margin": 1.5, "drift_margin": 0.1, "loss_margin": 3.0, "repeat_margin": 5.0}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("train", "again"):
        one = verbs.add_parser(verb)
        one.add_argument("--data", type=Path, required=True)
        one.add_argument("--profile", required=True)
        one.add_argument("--precision", choices=LOGGED, default="float32")
        one.add_argument("--batch", type=int, required=True)
        one.add_argument("--learning-rate", type=float, default=1e-3)
        one.add_argument("--seed", type=int, required=True)
        one.add_argument("--devices", type=int, default=1)
        one.add_argument("--threads", type=int, default=1)
        one.add_argument("--states", type=Path, required=verb == "again")
        if verb == "train":
            one.add_argument("--epochs", type=int, required=True)
    bounds = verbs.add_parser("bounds")
    bounds.add_argument("lines", type=Path, nargs="+")
    bounds.add_argument("--out", type=Path, required=True)
    bounds.add_argument("--record", type=Path, required=True)
    verbs.add_parser("alone").add_argument("record", type=Path)
    verbs.add_parser("ended").add_argument("packages", type=Path, nargs="+")
    given = parser.parse_args()
    if given.verb == "alone":
        print("\n".join(judged_by_others(json.loads(given.record.read_text()))))
    elif given.verb == "ended":
        for package in given.packages:
            print("\n".join(json.dumps(line) for line in ends_of(package)))
    elif given.verb == "bounds":
        lines = [json.loads(line) for path in given.lines for line in path.read_text().splitlines()]
        given.record.write_text(json.dumps(recorded(lines), indent=None, separators=(",", ":")) + "\n")
        given.out.write_bytes(msgspec.json.format(msgspec.json.encode(summed_up(lines))) + b"\n")
    else:
        Bench(given).run()


class Bench:
    """A trainer as a run has it, on so many threads and virtual devices."""

    def __init__(self, given: argparse.Namespace) -> None:
        from reference.tensorflow.environment import quiet_tensorflow

        quiet_tensorflow()
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(given.threads)
        if given.devices > 1:
            each = [tf.config.LogicalDeviceConfiguration()] * given.devices
            tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], each)
        from reference.data.dataset import describe
        from reference.data.pipeline import PatchStore
        from reference.data.profiles import get_profile
        from reference.data.split import split_patches
        from reference.protocol.spec import Hyperparameters, RunSpec
        from reference.tensorflow.strategies import place
        from reference.tensorflow.training import Trainer

        self.given = given
        data = describe(given.data, given.profile, get_profile(given.profile).geometry).data
        hyperparameters = Hyperparameters(global_batch_size=given.batch, learning_rate=given.learning_rate)
        spec = RunSpec(0, given.seed, data, "", hyperparameters, precision=given.precision)
        split = split_patches(len(data.train_files), data.geometry, data.split)
        self.train, self.validation = (
            PatchStore(data.train_files, patches, data.geometry)
            for patches in (split.train, split.validation)
        )
        keras.utils.set_random_seed(given.seed)
        self.trainer = Trainer(spec, place("mirrored" if given.devices > 1 else "one-device"))

    def run(self) -> None:
        """Print a line for each epoch."""
        if self.given.verb == "train":
            self._train()
        else:
            self._again()

    def say(self, **values: Any) -> None:
        """Print one line."""
        names = ("verb", "profile", "precision", "batch", "learning_rate", "seed", "devices", "threads")
        print(json.dumps({**{name: getattr(self.given, name) for name in names}, **values}), flush=True)

    def _train(self) -> None:
        from harness.check.lineage import kernel_moves
        from reference.protocol.log import Progress
        from reference.tensorflow.state import save_state

        beginning = before = self.trainer.state()
        for epoch in range(1, self.given.epochs + 1):
            trained = self.trainer.train_epoch(self.train, epoch, Progress(False))
            after = self.trainer.state()
            score = self.trainer.evaluate(self.validation, epoch, Progress(False))
            moves = kernel_moves(beginning.weights, after.weights)
            self.say(
                epoch=epoch,
                steps=after.step,
                loss=trained.loss,
                eval_accuracy=score.accuracy,
                seconds=round(trained.duration_s, 2),
                **ways_of(moves, self.given.learning_rate),
            )
            if self.given.states and epoch in KEPT:
                self.given.states.mkdir(parents=True, exist_ok=True)
                save_state(self.given.states / f"before_{epoch:04}.npz", before)
                save_state(self.given.states / f"after_{epoch:04}.npz", after)
                (self.given.states / f"loss_{epoch:04}.txt").write_text(repr(trained.loss))
            before = after

    def _again(self) -> None:
        from harness.check.retraining import distances
        from reference.protocol.log import Progress
        from reference.tensorflow.state import load_state

        for path in sorted(self.given.states.glob("after_*.npz")):
            number = path.stem.rpartition("_")[2]
            before, after = load_state(path.with_name(f"before_{number}.npz")), load_state(path)
            self.trainer.restore(before)
            trained = self.trainer.train_epoch(self.train, int(number), Progress(False))
            distance, worst = distances(before, after, self.trainer.state())
            then = float(path.with_name(f"loss_{number}.txt").read_text())
            self.say(epoch=int(number), loss=abs(trained.loss / then - 1), distance=distance, worst=worst)


def ways_of(moves: Sequence[KernelMove], learning_rate: float) -> dict[str, list[float]]:
    """Of each kernel: how far it moved and its farthest weight, in learning rates; drift, cosine and alignment."""
    return {
        "moved": [round(m.moved / learning_rate, 4) for m in moves],
        "farthest": [round(m.farthest / learning_rate, 3) for m in moves],
        "drift": [round(m.drift, 5) for m in moves],
        "cosine": [round(m.cosine, 5) for m in moves],
        "alignment": [round(m.alignment, 2) for m in moves],
    }


def ends_of(package: Path) -> Iterator[dict[str, Any]]:
    """A line of `train` for the end of each scored run; `devices` are its processes."""
    from harness.check.lineage import kernel_moves
    from tests.bench.margins import trained_in

    for trained in trained_in(package):
        run, record = trained.run, trained.run.record
        assert record is not None
        rate = number(run.settings, "opt_base_learning_rate")
        assert rate is not None
        yield {
            "verb": "train",
            "profile": trained.profile,
            "precision": record.spec["precision"],
            "batch": record.spec["hyperparameters"]["global_batch_size"],
            "learning_rate": rate,
            "seed": record.seed,
            "devices": integer(run.settings, "number_of_ranks") or 1,
            "steps": round(trained.steps),
            **ways_of(kernel_moves(trained.beginning, trained.weights), rate),
        }


def recorded(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """All lines, with what they were measured on."""
    return {
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "trained": [line for line in lines if line["verb"] == "train"],
        "again": [line for line in lines if line["verb"] == "again"],
        "elsewhere": [line for line in lines if line["verb"] == "elsewhere"],
    }


def _alike(line: dict[str, Any]) -> bool:
    """Whether an epoch was repeated in its own precision, and with float16 on as many devices."""
    same = line.get("as", line["precision"]) == line["precision"]
    return same and not (line["precision"] == "mixed_float16" and line["devices"] > 1)


def _run(line: dict[str, Any]) -> tuple[Any, ...]:
    """What lines of one run share."""
    shared = tuple(
        line[name] for name in ("profile", "precision", "batch", "devices", "seed", "learning_rate")
    )
    return (*shared, *(line[name] for name in ("program", "rounded") if name in line))


def judged_by_others(record: dict[str, Any]) -> Iterator[str]:
    """Rows of a table: by what factor each run is beyond the recorded extremes of the others, before the margin."""
    trained, again, elsewhere = (record[name] for name in ("trained", "again", "elsewhere"))
    for run in sorted({_run(line) for line in (*trained, *elsewhere)}, key=str):
        bounds = summed_up([line for line in trained if _run(line) != run] + again)
        own = [line for line in (*trained, *elsewhere) if _run(line) == run]
        own = [line for line in own if line["steps"] <= bounds.steps[-1]]
        off, refused = [0.0, 0.0], 0
        for line in own:
            steps, inside = line["steps"], True
            for kernel, moved in enumerate(line["moved"]):
                least, most = bounds.moved_within(kernel, steps)
                last = kernel == len(line["moved"]) - 1
                off[last] = max(
                    off[last], least * bounds.moved_margin / moved, moved * bounds.moved_margin / most
                )
                inside &= least <= moved <= most
            low, high = bounds.drift_within(steps)
            refused += not inside or not all(low <= drift <= high for drift in line["drift"][:-1])
        profile, precision, batch, devices, seed, _, *program = run
        what = ", ".join(
            (profile, precision, f"batch size {batch}", f"devices: {devices}", f"seed {seed}", *program)
        )
        yield f"| {what} | {len(own)} | {off[0]:.2f} | {off[1]:.2f} | {refused} |"


def summed_up(lines: list[dict[str, Any]]) -> LineageBounds:
    """Extremes of all lines, on a grid of steps; at each point those of the neighbouring intervals."""
    trained = [line for line in lines if line["verb"] == "train"]
    again = [line for line in lines if line["verb"] == "again" and _alike(line)]
    largest = max(line["steps"] for line in trained)
    grid = [float(min(line["steps"] for line in trained))]
    while grid[-1] < largest:
        grid.append(min(grid[-1] * GRID, largest))
    near = [[t for t in trained if at / GRID <= t["steps"] <= at * GRID] for at in grid]
    kernels = len(trained[0]["moved"])
    drifts = [[d for line in some for d in line["drift"][:-1]] for some in near]
    runs = {_run(line) for line in trained}
    return LineageBounds(
        schema=1,
        source="docs/bench/lineage.json, by tests/bench/lineage.py",
        profiles=sorted({t["profile"] for t in trained}),
        precisions=sorted({LOGGED[t["precision"]] for t in trained}),
        learning_rate=trained[0]["learning_rate"],
        runs=len(runs),
        steps=[round(at) for at in grid],
        moved=[
            Band(
                [min(t["moved"][kernel] for t in some) for some in near],
                [max(t["moved"][kernel] for t in some) for some in near],
            )
            for kernel in range(kernels)
        ],
        drift=Band([min(d) for d in drifts], [max(d) for d in drifts]),
        repeat_on_one_device=["fp16"],
        repeats=_repeats(again),
        other_kernels=_other_kernels(lines),
        **MARGINS,
    )


def _repeats(again: list[dict[str, Any]]) -> dict[str, dict[str, Repeat]]:
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in again:
        kinds[line["profile"], LOGGED[line["precision"]]].append(line)
    found: dict[str, dict[str, Repeat]] = defaultdict(dict)
    for (profile, precision), lines in sorted(kinds.items()):
        most = (
            [
                LEAST_LOSS,
                *(line["loss"] for line in lines if line["epoch"] == 1),
            ],
            *([line[name] for line in lines] for name in ("distance", "worst")),
        )
        found[profile][precision] = Repeat(*(float(f"{max(values):.3g}") for values in most))
    return dict(found)


def _other_kernels(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The largest difference of the first epoch's loss by data set, in float32: repeated or by another framework."""
    found: dict[str, float] = {}
    for line in lines:
        again = line["verb"] == "again" and line["precision"] == line.get("as", "float32") == "float32"
        if line.get("epoch") == 1 and (again or line.get("rounded") == "none"):
            differs = line["loss"] if again else line["differs"]
            found[line["profile"]] = max(found.get(line["profile"], 0.0), float(f"{differs:.3g}"))
    return found


if __name__ == "__main__":
    main()
