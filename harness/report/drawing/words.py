"""Words explained once: columns of the board, and a glossary that every page links to."""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """One entry of the glossary; its anchor on the method page is word-<key>."""

    key: str
    name: str
    meaning: str


COLUMN_NAMES = {
    "system": "System",
    "time": "Score",
    "against": "Against the first",
    "epochs": "Epochs",
    "org": "Organisation",
    "spread": "Fastest and slowest run",
    "accuracy": "Accuracy at the end",
    "test": "Test accuracy",
    "throughput": "Throughput",
    "inference": "Inference",
    "energy": "Energy per run",
    "accelerators": "Accelerators",
    "framework": "Framework",
    "precision": "Precision",
    "warnings": "Warnings",
}
COLUMNS = {
    "system": "The machine and software that trained, as its owner named it; it links to the report.",
    "time": "The score: mean time from run_start to run_stop without the fastest and the slowest run, times "
    "the convergence factor. Less is better. Below it the 95 % interval.",
    "against": "How many times slower than the first row, with a 95 % interval; or that the runs cannot tell. In "
    "Closed, entries whose work nobody computed again have no rank.",
    "epochs": "Passes over the training data until the target was met, on average. Below it those of the reference, "
    "where reference points of this data set and batch size are recorded. Fewer than chance explains asks for another "
    "explanation.",
    "org": "Who submitted the package.",
    "spread": "Of the runs that converged, left out of the mean or not.",
    "test": "Share of pixels of whole test scenes labelled as the Bayesian mask labels them. Not in the score. "
    "Below it the accuracy of the evaluations that ended the runs: other scenes, always at least the target.",
    "accuracy": "Accuracy of the evaluation that ended a run: always at least the target, so it ranks nobody.",
    "throughput": "Training patches per second of the whole timed run, evaluations included. Not in the score.",
    "inference": "Seconds to mask one test scene after the clock stopped. Not in the score.",
    "energy": "From run_start to run_stop, mean of the runs, of the parts named as scope: the energy of GPUs is not "
    "that of a node, and scopes do not compare. Not measured is unknown, not zero. Not in the score.",
    "accelerators": "GPUs and the like, as declared; the report shows what was detected.",
    "framework": "Software that computed the training, as declared.",
    "precision": "The lowest numerical precision in linear layers, as logged.",
    "warnings": "Findings that do not exclude a package and that a reader should know.",
}

FIVE = (
    (
        "CloudMask is a benchmark of the MLCommons Science working group: a neural network learns to tell cloud "
        "from clear sky in images of the Sentinel-3 satellites."
    ),
    (
        "A run trains from nothing and ends when it labels enough pixels of unseen scenes right; the seconds until "
        "then are its time-to-train."
    ),
    (
        "Training is a matter of luck, so there are five runs: the fastest and the slowest are left out, the mean of "
        "the others times a convergence factor is the score, and less is better."
    ),
    (
        "Each score carries an interval; two results whose difference may be luck are said to be indistinguishable, "
        "whatever their order."
    ),
    (
        "This page checks what submitters send, and MLCommons has no part in it: nobody there has verified these "
        "results, and those on SYNTHETIC scenes say how fast a machine trains and nothing about clouds."
    ),
)

GLOSSARY = (
    Term("accuracy", "accuracy", "Share of pixels that the model labels as the Bayesian mask does, at threshold 0.5."),
    Term("batch", "batch size", "Patches that go through the model before its weights change once, on all "
         "accelerators together. Larger batches keep a machine busier and need more epochs."),
    Term("bayesian-mask", "Bayesian mask", "The label of each pixel: cloud or not, computed by a statistical method "
         "from the same image. It is what the model learns to repeat, and not the truth itself."),
    Term("cloudmask", "CloudMask", "The benchmark: segmentation of satellite images into cloud and clear sky."),
    Term("convergence-factor", "convergence factor", "What the mean time is multiplied by where an entry needs fewer "
         "epochs than the reference: fewer epochs by luck are not a merit of a machine. 1 otherwise."),
    Term("digest", "digest", "A number that changes when one bit of a data set changes: equal digests, equal data."),
    Term("division", "division", "Closed: the model, data and settings of the reference, so that machines compare. "
         "Open: anything that is stated."),
    Term("epoch", "epoch", "One pass over all training patches."),
    Term("interval", "interval", "A range around the score, from the spread of the runs: of 100 such ranges, some "
         "95 hold the score that very many runs would give. Five runs give a wide one."),
    Term("mllog", "MLLOG", "The log format of MLCommons: a line of JSON per event, each with its time."),
    Term("patch", "patch", "A square cut-out of a scene, the unit that the model is trained on."),
    Term("practice", "practice data", "Generated scenes that everybody can make: for trying and for comparing "
         "machines, not for results about clouds."),
    Term("precision", "precision", "Two meanings: the number format of a computation (fp32, bfloat16), and, of a "
         "mask, the share of pixels called cloud that are cloud."),
    Term("reference-point", "reference point", "How many epochs the unchanged reference needs at one batch size, from "
         "ten recorded runs or more."),
    Term("replay", "replay", "Evaluating the weights that a run kept again, here: the accuracy has to come out again."),
    Term("run-start", "run_start, run_stop", "The events that start and stop the clock. Preparing the model lies "
         "before, tests of whole scenes after."),
    Term("scene", "scene", "One image of the satellite, in nine channels, with the mask beside it."),
    Term("seed", "seed", "The number that the random choices of a run follow from. Runs have different ones."),
    Term("sentinel", "Sentinel-3, SLSTR", "Two satellites of the Copernicus programme, and their instrument that "
         "measures the temperature of sea and land."),
    Term("synthetic", "SYNTHETIC", "Made by a program, not by a satellite."),
    Term("target", "target", "The accuracy at which a run ends."),
    Term("telemetry", "telemetry", "Readings of processors, memory, disk, network and power during a run."),
    Term("time-to-train", "time-to-train", "Seconds from run_start to run_stop, evaluations included."),
    Term("rate", "training rate, TFLOP/s", "Operations of the model per second while it trains, in millions of "
         "millions. It tells how busy the hardware is, whatever the size of the data set."),
    Term("u-net", "U-Net", "The neural network of the reference: it shrinks an image step by step, grows it again, "
         "and labels each pixel."),
    Term("unverified", "unverified", "Checked by a program only; nobody at MLCommons has reviewed it."),
    Term("utilisation", "utilisation", "Of a node's processor: share of all its cores that computed. Of a run's own "
         "processes: 100 % is one core. Of a GPU: share of time in which any kernel ran, however small; its "
         "occupancy and memory activity are other scales. Power beside the part's limit is a third view."),
)  # fmt: skip
