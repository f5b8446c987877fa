"""What a rule can see of the evidence beside a log: telemetry, the harness' record of a run, a replay.

Times keep their unit in the name. A value that was not measured or not stated is None, never zero.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Quantity(msgspec.Struct, frozen=True):
    """Summary of one telemetry series over the run (run_start..run_stop)."""

    source: str  # nvml, psutil, ...
    name: str  # e.g. cpu_utilization, gpu_power
    unit: str
    scope: str  # node, cpu, gpu0, process tree, ...
    samples: int
    mean: float | None
    minimum: float | None
    maximum: float | None


class MeasuredEnergy(msgspec.Struct, frozen=True):
    """Energy of one scope over the run by one method (harness/telemetry/reader/energy.py)."""

    source: str
    scope: str
    method: str  # counter, right_rectangle, trapezoid
    joule: float | None  # None: it could not be computed
    difference: float | None = None  # relative to the method that is quoted for this scope
    stuck: bool = False  # all readings are equal to the last digit


class Telemetry(msgspec.Struct, frozen=True):
    """One sampler file, summarised. start/stop on the wall clock of the node."""

    path: str
    node: str
    start_wall_s: float
    stop_wall_s: float
    interval_s: float  # asked for
    achieved_hz: float | None
    longest_gap_s: float | None
    quantities: list[Quantity]
    energies: list[MeasuredEnergy] = []
    remarks: list[str] = []  # of the sampler during the run: lost devices, ...
    readings: int | None = None  # within the run, of the source read most often
    paced: bool = False  # the sampler said that it reads less often, so as not to disturb the run
    before: list[Quantity] = []  # the same quantities from init_start to run_start
    unavailable: list[str] = []  # sources that the sampler says it could not read
    # hashes of steps between samples (harness/telemetry/reader/pace.py)
    pace: list[int] = []
    host: str = ""  # on which the sampler ran
    wall_ahead_s: float | None = None  # its wall clock before its monotonic one, as it began


class Pictured(msgspec.Struct, frozen=True):
    """One scene of the gallery, counted: where probability is above and below 128 of 255, against the mask."""

    name: str
    pixels: int
    tp: int
    fp: int
    fn: int
    tn: int
    undecided: tuple[int, int]  # pixels of probability 128 that are clear, and cloud, by the mask
    accuracy: float | None = None  # as the gallery states it beside the pictures


class Bill(msgspec.Struct, frozen=True):
    """What was installed where a run was made (sbom.cdx.json)."""

    packages: dict[str, str]  # versions by plain name
    made_s: float | None = None  # wall clock of the harness


class RunRecord(msgspec.Struct, frozen=True):
    """run.json: the harness' own account of one run."""

    schema: int
    run: int
    status: str  # success, aborted, failed, timeout, interrupted
    reason: str | None  # why it failed, in one line
    seed: int
    command: list[str]
    host: str
    boot_id: str | None
    started_wall_s: float
    finished_wall_s: float
    duration_s: float  # monotonic, of the child process
    exit_code: int | None
    cache: dict[str, Any]  # method, files, bytes, resident_bytes_after (None: could not be verified)
    spec: dict[str, Any]  # the run spec as given to the implementation
    software: dict[str, Any]  # versions of python and packages, commit, dirty, digests of the code (code_*)
    files: dict[str, str]  # evidence file name -> SHA-256
    peak_rss_bytes: int | None = None
    # samplers that did not start, died or were stopped
    telemetry_problems: list[str] = []
    # lines written, SHA-256 of log and timeline as written
    journal: dict[str, Any] = {}
    # variables that load code: kept, stripped, harness
    environment: dict[str, Any] = {}
    # processes that were there when the implementation had ended
    outlived: list[str] = []


class FailedAttempt(msgspec.Struct, frozen=True):
    """A run that failed or was ended: kept and marked, never scored."""

    path: str  # of its run.json
    record: RunRecord  # without spec, files, cache, software and command
    epochs: int | None  # that its log shows as finished; None where it has no readable log


class KernelMove(msgspec.Struct, frozen=True):
    """One kernel of the trained weights against its beginning, recomputed from the seed.

    Lengths are root mean squares over the kernel's numbers.
    """

    size: int
    cosine: float  # between beginning and end
    moved: float  # length of the difference
    farthest: float  # of any number of the kernel
    drift: float  # cosine between beginning and difference: -0.7 when the two ends are unrelated
    bias_farthest: float  # of the biases beside it, which begin with zero
    alignment: (
        float  # share of the difference along its strongest direction, in shares that noise of its shape has
    )


class Likeness(msgspec.Struct, frozen=True):
    """How much the weights of two runs are alike, or their ways: a cosine over kernels."""

    run: int
    cosine: float


class Lineage(msgspec.Struct, frozen=True):
    """Where the weights of a run come from (harness/check/lineage.py)."""

    kernels: tuple[KernelMove, ...] = ()  # in the model's order; empty: not compared
    likest: Likeness | None = None  # of the runs before this one: the largest cosine of any kernel
    weights_digest: str | None = None  # of the plain numbers, as commitments state it
    reason: str | None = None  # why the kernels could not be compared
    parameters: int | None = None  # how many numbers the file of weights holds
    likest_way: Likeness | None = (
        None  # of the runs before this one, from beginning to end: median of the kernels
    )


class EpochAgain(msgspec.Struct, frozen=True):
    """The first epoch of a run, trained again from its seed."""

    loss: float | None = None
    accuracy: float | None = None
    reason: str | None = None  # why it could not be done


class PictureDifference(msgspec.Struct, frozen=True):
    """One picture of the gallery against the same, made again from the weights."""

    scene: str
    picture: str  # false_colour, bayes, probability
    share: float  # of pixels that differ by more than `step`
    step: int  # of 255


class ScenesAgain(msgspec.Struct, frozen=True):
    """The test scenes, predicted again from the weights."""

    science: dict[str, Any] | None = None  # content of science.json
    pictures: tuple[PictureDifference, ...] | None = None  # None: the gallery was not compared
    pictures_problem: str | None = None  # what is wrong with the gallery
    reason: str | None = None  # why it could not be done


class Replay(msgspec.Struct, frozen=True):
    """Parts of a run, computed again (harness/check/replay.py): first its last evaluation."""

    accuracy: float | None = None
    loss: float | None = None
    samples: int | None = None
    device: str | None = None  # cpu or gpu
    reason: str | None = None  # why it could not be done: not checked
    problem: str | None = None  # what is wrong with the weights: an error
    absent: bool = False  # there are no weights in the package: asked for, and cannot be done
    lineage: Lineage | None = None
    epoch: EpochAgain | None = None
    scenes: ScenesAgain | None = None


class Retrained(msgspec.Struct, frozen=True):
    """One epoch of an answer, trained again from the state before it and compared with the state after it."""

    run: int
    epoch: int
    problem: str | None = None  # why the states cannot be read: an error
    foreign: tuple[str, ...] = ()  # which of them the log did not commit to: an error
    distance: float | None = None  # of a kernel, in lengths of the epoch's way: the median
    worst: float | None = None  # the largest, of kernels and of the optimiser's moments
    reason: str | None = None  # why it could not be trained again: not checked


class Challenge(msgspec.Struct, frozen=True):
    """What a reviewer asked for, and what came back (harness/check/challenge.py)."""

    asked: tuple[tuple[int, int], ...]  # runs and epochs
    due_s: float  # wall clock
    now_s: float  # the reviewer's clock
    own: bool  # the reviewer's own file; otherwise the copy in the answer, which anybody can write
    problem: str | None = None  # why it does not fit the package
    # when the answer came by the reviewer, else by the answer; None: no answer
    answered_s: float | None = None
    answer_problem: str | None = None
    retrained: tuple[Retrained, ...] = ()
