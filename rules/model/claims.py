"""What a result claims, and what stands behind each claim: more than that the package agrees with itself."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Claim(str, Enum):
    """What a reader takes a result to say."""

    TIME = "time"
    HARDWARE = "hardware"
    SEED = "seed"
    CODE = "code"
    ACCURACY = "accuracy"
    ENERGY = "energy"
    ATTEMPTS = "number of attempts"


class Standing(str, Enum):
    """How far a claim can be believed; the strongest first."""

    ATTESTED = "attested"  # somebody other than the submitter says so
    RECOMPUTED = "recomputed"  # this check computed it again
    ASSERTED = "asserted only"  # the submitter's own records say so, and agree with each other
    NOT_COVERED = "not covered"  # the package says nothing about it


class Support(NamedTuple):
    """What a rule that passed shows of a claim: how it stands, and by what, as a phrase."""

    claim: Claim
    standing: Standing
    by: str


ASSERTED_BY = {
    Claim.TIME: "clocks of the submitter's machine",
    Claim.HARDWARE: "the system description and what the harness detected on that machine",
    Claim.SEED: "the run records, which say that the harness drew it",
    Claim.CODE: "the run records, which name the code that ran",
    Claim.ACCURACY: "the logs",
    Claim.ENERGY: "readings of the submitter's sensors or meters",
    Claim.ATTEMPTS: "the failed runs that the submitter retained",
}
