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


BY_ITSELF = {  # how a claim stands that no rule shows anything of, and by what
    Claim.TIME: (Standing.ASSERTED, "clocks of the submitter's machine"),
    Claim.HARDWARE: (
        Standing.ASSERTED,
        "the system description and what the harness detected on that machine",
    ),
    Claim.SEED: (Standing.ASSERTED, "the run records, which say that the harness drew it"),
    Claim.CODE: (Standing.ASSERTED, "the run records, which name the code that ran"),
    Claim.ACCURACY: (Standing.ASSERTED, "the logs"),
    Claim.ENERGY: (Standing.NOT_COVERED, "the power of whole nodes was not measured in every run"),
    Claim.ATTEMPTS: (Standing.ASSERTED, "the failed runs that the submitter retained"),
}
