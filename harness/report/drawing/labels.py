"""Fixed words of the pages: what things are called, and the footnotes every score carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rules.model.layout import BENCHMARK

DIVISIONS = {"closed": "Closed", "open": "Open"}
BENCHMARKS = {
    BENCHMARK: "CloudMask",
    "cosmoflow": "CosmoFlow",
    "deepcam": "DeepCAM",
    "openfold": "OpenFold",
    "oc20": "OpenCatalyst",
}
# kinds of data, in the order in which a leaderboard lists their tables
OFFICIAL, OWN, SYNTHETIC = DATA_KINDS = ("official", "the submitter's own", "SYNTHETIC")
STATUSES = {
    "cloud": "available in the cloud",
    "onprem": "available on premises",
    "preview": "preview",
    "research": "research, development or internal",
}

# Own wording, after the messaging guidelines of the association (rules docs/sources.md, group Q).
_FOOTNOTES = """
Result not verified by MLCommons Association. These results come from the submitter's own runs and were
checked by this tool only. MLCommons has neither reviewed nor verified them.

The benchmark is the MLCommons Science CloudMask benchmark, of the Science working group. Nothing here is an
MLPerf® result, and nothing here may be compared with one.

CloudMask Open follows the Science policy, which has no other division. CloudMask Closed is this rulebook's
own profile, for comparing machines: reference model, preprocessing, split, optimiser and target are fixed.

Time-to-train runs from run_start to run_stop of each log, evaluations included. All other figures (accuracy
on the test scenes, seconds per scene, throughput, energy of parts) are secondary and unofficial; how each was
obtained is stated beside it.

Results compare only within one division, one data set and one version of the rulebook. Results on synthetic
scenes say how fast a machine trains, nothing about clouds, and never stand beside results on official scenes.

MLCommons and MLPerf are trademarks of the MLCommons Association (mlcommons.org), which does not endorse this
tool.
"""
# Of packages of another benchmark, which a ruleset of another year judges.
_FOOTNOTES_OF_OTHERS = """
Result not verified by MLCommons Association. This page was made from the package by this tool only.
MLCommons has neither reviewed nor verified
it. It is not an MLPerf® result, even where MLCommons has published one of the same runs.

The benchmark and its division are those that the package states. The verdict is that of the ruleset named above,
as this tool understands it.

Time-to-train runs from run_start to run_stop of each log, evaluations included. All other figures are secondary
and unofficial.

MLCommons and MLPerf are trademarks of the MLCommons Association (mlcommons.org), which does not endorse this
tool.
"""


def _notes(text: str) -> tuple[str, ...]:
    return tuple(" ".join(note.split()) for note in text.strip().split("\n\n"))


FOOTNOTES = _notes(_FOOTNOTES)
FOOTNOTES_OF_OTHERS = _notes(_FOOTNOTES_OF_OTHERS)

VERDICTS = {
    "compliant": "Consistent with the rules",
    "not_compliant": "Breaks the rules",
    "unreadable": "Cannot be read",
}
COMPLIANT = "compliant"
OUTCOMES = {
    "fail": "failed",
    "warn": "warning",
    "not_checked": "not checked",
    "pass": "passed",
    "not_applicable": "not applicable",
}
SEVERITIES = {"error": "error", "warning": "warning", "info": "note"}

VIEWS = {
    "false_colour": "False colour",
    "bayes": "Bayesian mask",
    "probability": "Prediction",
    "disagreement": "Disagreement",
}


class MetricLabel(NamedTuple):
    """How a science metric is shown."""

    name: str
    unit: str
    meaning: str  # 1 = cloud throughout; threshold 0.5 on the predicted probability


METRICS = {
    "accuracy": MetricLabel("accuracy", "fraction", "pixels labelled as the Bayesian mask labels them"),
    "balanced_accuracy": MetricLabel(
        "balanced accuracy", "fraction", "mean of the accuracy on cloud and on clear pixels"
    ),
    "precision": MetricLabel(
        "precision", "fraction", "of the pixels called cloud, those that the mask calls cloud"
    ),
    "recall": MetricLabel("recall", "fraction", "of the pixels the mask calls cloud, those that were found"),
    "false_alarm_rate": MetricLabel(
        "false alarm rate",
        "fraction",
        "of the pixels the mask calls clear, those called cloud; lower is better",
    ),
    "true_skill_score": MetricLabel(
        "true skill score",
        "−1 to 1",
        "hit rate (recall) minus false alarm rate: 0 for any guess that does not look",
    ),
    "auc": MetricLabel(
        "AUC",
        "fraction",
        "chance that a cloud pixel gets a higher probability than a clear one, over all thresholds",
    ),
    "f1": MetricLabel("F1", "fraction", "harmonic mean of precision and recall"),
    "iou": MetricLabel(
        "IoU", "fraction", "cloud in both, divided by cloud in either (intersection over union)"
    ),
    "mcc": MetricLabel("MCC", "−1 to 1", "Matthews correlation coefficient: 0 is chance, 1 is perfect"),
    "brier_score": MetricLabel(
        "Brier score",
        "0 to 1",
        "mean squared distance of the probability from the mask; lower is better",
    ),
    "calibration_error": MetricLabel(
        "calibration error",
        "0 to 1",
        "mean distance of the stated probability from what was seen; lower is better",
    ),
    "valid_accuracy": MetricLabel(
        "accuracy, observed pixels",
        "fraction",
        "without what lies outside of the swath, where everything is clear",
    ),
    "boundary_f1": MetricLabel(
        "boundary F1",
        "fraction",
        "outlines of clouds that lie within one pixel of the mask's, and the reverse",
    ),
    "edge_accuracy": MetricLabel(
        "accuracy at edges", "fraction", "of the pixels beside one with another label"
    ),
    "interior_accuracy": MetricLabel("accuracy inside", "fraction", "of all other observed pixels"),
    "cloud_fraction_bias": MetricLabel(
        "cloud fraction bias", "−1 to 1", "mean over scenes of predicted minus true cloud fraction; 0 is best"
    ),
    "cloud_fraction_rmse": MetricLabel(
        "cloud fraction RMSE", "0 to 1", "root mean square of the same over scenes; lower is better"
    ),
}


def footnotes(benchmark: str) -> tuple[str, ...]:
    """What every page about a result of this benchmark states below it."""
    return FOOTNOTES if benchmark == BENCHMARK else FOOTNOTES_OF_OTHERS


def division_name(division: str, benchmark: str = BENCHMARK) -> str:
    """Benchmark and division as pages name them; a division that is not known has a question mark."""
    named = DIVISIONS.get(division, f"({division}?)" if division else "(division not stated)")
    return f"{BENCHMARKS.get(benchmark, benchmark)} {named}"


def verdict_words(verdict: str) -> str:
    """A verdict where no page stands beside it; one other than compliant says that the result does not count."""
    words = VERDICTS.get(verdict, verdict)
    return words if verdict == COMPLIANT else f"{words.upper()}, does not count"


SHORT = {"hw": "hardware", "sw": "software", "vcpu": "vCPU"}
SOFTWARE = {  # of run.json, beside names of packages
    "dirty": "changed since that commit",
    "code_harness": "digest of the harness",
    "code_reference": "digest of the reference",
    "code_rules": "digest of the rules",
    "code_ran": "digest of the files that ran",
    "code_ran_files": "files that ran",
    "code_differs": "files not the same before, during and after",
}
SAID = {"true": "yes", "false": "no", "[]": "none"}


def field_label(name: str) -> str:
    """host_memory_capacity -> Host memory capacity."""
    words = " ".join(SHORT.get(word, word) for word in name.strip("_ ").split("_"))
    return words[:1].upper() + words[1:]


def software_rows(software: Mapping[str, str]) -> dict[str, str]:
    """What was seen of the software in the runs, by names for people."""
    return {
        SOFTWARE.get(name, name): SAID.get(value, value) if name in SOFTWARE else value
        for name, value in software.items()
    }
