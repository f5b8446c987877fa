"""One fetch of the official data set, or of a sample: planned first, so that it can be shown and refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import UserError
from harness.fetch.bucket import Bucket, RemoteError
from harness.fetch.folder import Folder, Target
from harness.fetch.listing import doubts, sample, scenes_of
from harness.fetch.transfer import PAUSE_S, Arrived, Outcome, Transfer
from reference.data.profiles import PROFILES
from reference.protocol.official import SAMPLE_PROFILE

RESERVE_BYTES = 1 << 30  # left free for ledgers, stored hashes and what other programs write meanwhile
AGAIN = "run the same command again: what is there is kept."


@dataclass(frozen=True)
class FetchPlan:
    """What a fetch would do. `doubts` are differences of the bucket from the data set as it is known."""

    folder: Folder
    targets: list[Target]
    doubts: list[str]
    profile: str

    @property
    def total_bytes(self) -> int:
        """Size of all its scenes."""
        return sum(target.scene.size_bytes for target in self.targets)

    @property
    def missing_bytes(self) -> int:
        """What is still to be received."""
        return sum(target.missing_bytes() for target in self.targets)

    @property
    def missing(self) -> int:
        """Number of scenes that are not complete."""
        return sum(not target.complete for target in self.targets)

    @property
    def unchecked(self) -> int:
        """Number of scenes that are there, but were not compared with the bucket by an earlier fetch."""
        return sum(target.complete and not target.done for target in self.targets)

    @property
    def lacking_bytes(self) -> int:
        """Space that the disk lacks for it; 0 or less when there is enough."""
        return self.missing_bytes + (RESERVE_BYTES if self.missing else 0) - self.folder.free_bytes()


def plan_fetch(bucket: Bucket, root: Path, scenes: int | None = None) -> FetchPlan:
    """List the bucket and compare with the folder; writes nothing. Raises UserError."""
    where = bucket.source
    official = PROFILES["official"]
    try:
        listed = scenes_of(bucket.objects(), where.prefix)
        differences = doubts(listed, official.train_scenes, official.test_scenes)
        folder = Folder(root)
        targets = folder.targets(listed if scenes is None else sample(listed, scenes))
    except RemoteError as error:
        raise UserError(
            f"Cannot list {where}: {error}.",
            "check the network and proxy (HTTPS_PROXY), or name another --endpoint, --bucket or --prefix.",
        ) from None
    except ValueError as error:
        raise UserError(f"{error}.", f"check {where} and {root}.") from None
    return FetchPlan(folder, targets, differences, "official" if scenes is None else SAMPLE_PROFILE)


def fetch(
    plan: FetchPlan, bucket: Bucket, workers: int, arrived: Arrived, pause_s: float = PAUSE_S
) -> Outcome:
    """Carry a plan out. Raises UserError when there is no space, or when files could not be obtained."""
    if plan.lacking_bytes > 0:
        needed, free = plan.missing_bytes, plan.folder.free_bytes()
        raise UserError(
            f"{plan.folder.root}: {needed / 1e9:,.2f} GB are to be fetched, {free / 1e9:,.2f} GB are free "
            f"({RESERVE_BYTES / 1e9:.1f} GB stay free).",
            "free some space, choose another --data, or fetch a part: --scenes N.",
        )
    try:
        with plan.folder:
            outcome = Transfer(bucket, plan.folder, workers, arrived, pause_s).run(plan.targets)
    except OSError as error:
        where = error.filename or plan.folder.root
        raise UserError(f"{where}: {error.strerror or error}.", f"mend that, then {AGAIN}") from None
    if outcome.failed:
        name, reason = min(outcome.failed.items())
        more = f" (and {len(outcome.failed) - 1} more)" if len(outcome.failed) > 1 else ""
        rest = "; the service stopped answering, the rest was not tried" if outcome.gave_up else ""
        raise UserError(
            f"{len(outcome.failed)} of {len(plan.targets)} files failed{rest}: {name}: {reason}{more}.", AGAIN
        )
    return outcome
