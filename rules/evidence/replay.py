"""EVD: results computed again, and code that has to be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NoReturn

from rules.facts.lineage_bounds import bounds_for, elsewhere, precision_of, profile_of
from rules.facts.log_reading import epoch_num, evaluations, integer
from rules.facts.reference_code import judge_code
from rules.model.claims import Claim, Standing, Support
from rules.model.evidence import Replay
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_int, is_number, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

# what science.json has since schema 2: of a file of schema 1 it is not asked
SINCE_2 = frozenset({"tp", "fp", "fn", "tn", "false_alarm_rate", "true_skill_score", "auc"})
SINCE_2_WHOLE = frozenset({"valid", "boundary", "cloud_fraction_error"})
SINCE_2_SCENE = frozenset({"pixels", "valid", "squared_error", "boundary", "histogram"})
GROUPS = ("by_daylight", "by_surface", "by_cloud_fraction")
SOURCE = "issue of forged packages; docs/evidence.md; sources R6, W7"


@rule(
    "EVD019",
    "The logged accuracy follows from the weights",
    Scope.RUN,
    source="sources 1.R (TEST01), E12; design: replay",
    fix="Submit the weights that the last evaluation was made with.",
    supports=(Support(Claim.ACCURACY, Standing.RECOMPUTED, "the stored weights, evaluated again"),),
)
def replay(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Loading the weights into the reference model and evaluating again must give the logged accuracy and
    loss, to what rounding on other hardware may move."""
    found = run.replay
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")
    if found is None:
        raise NotChecked("replay was not asked for (--replay)")
    if found.absent:
        yield self.finding(
            "there are no weights in the package: the replay that was asked for cannot be done",
            path=run.path,
            fix="submit the weights (recipe: evidence.weights), or check without --replay.",
        )
        return
    if found.problem is not None:
        yield self.finding(f"no weights of the reference model: {found.problem}", path=run.path)
        return
    if found.reason is not None or found.accuracy is None or found.loss is None:
        raise NotChecked(found.reason or "the replay gave no accuracy")
    limits = ruleset.evidence.replay_tolerance
    tolerance = limits.get(str(run.log.value("lowest_numerical_precision_in_linear")), max(limits.values()))
    for key, again, scale in (
        (ruleset.quality.key, found.accuracy, 1.0),
        (ruleset.quality.loss_key, found.loss, max(abs(found.loss), 1e-3)),
    ):
        stated = evaluations(run.log, key)
        # written so that NaN on either side is a difference
        near = stated and stated[-1].value is not None and abs(stated[-1].value - again) <= tolerance * scale
        if stated and not near:
            yield self.at(
                run,
                stated[-1].event,
                f"the last {key} is {show(stated[-1].event.value)}, the weights give {again:.6f}",
                expected=f"{again:.6f} +- {tolerance * scale:.2g}",
                actual=stated[-1].event.value,
            )


@rule(
    "EVD075",
    "The first epoch, trained again from the seed, gives the logged loss",
    Scope.RUN,
    source=SOURCE,
    fix="Submit runs as they were: with their seed, their batch size and their losses.",
    supports=(
        Support(Claim.SEED, Standing.RECOMPUTED, "the first epoch, trained again from it"),
        Support(Claim.CODE, Standing.RECOMPUTED, "the first epoch, which the reference gives again"),
    ),
)
def first_epoch(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Seed, data, order and hyperparameters determine the first epoch up to rounding: a run with another seed
    or batch size, or one that was never made, states another loss. Other kernels (another framework, another
    kind of processor) round otherwise, and some seeds amplify that: what lies between is a warning, and not checked of
    accelerators and other programs. Where rounding may move the loss far, and did, a note says that the agreement
    shows little."""
    found = _asked(run).epoch
    if found is None or found.loss is None:
        raise NotChecked((found and found.reason) or _asked(run).reason or "no epoch was trained again")
    first = run.log.first("tracked_stats")
    stated = first.value.get("train_loss") if first is not None and isinstance(first.value, dict) else None
    if first is None or not is_number(stated) or epoch_num(first) != ruleset.first_epoch:
        raise NotChecked("the log states no train_loss of the first epoch")
    difference = abs(stated - found.loss) / max(abs(found.loss), 1e-9)
    off = f"the loss is off by {difference:.2%} of itself"
    try:
        bounds = bounds_for(run, ruleset)
    except NotChecked as reason:
        raise NotChecked(f"{off}; {reason}") from None
    precision, profile = precision_of(run.settings, run.package), profile_of(run.package, ruleset)
    repeat = bounds.repeat(profile, precision, integer(run.settings, "number_of_ranks"))
    most = bounds.loss_by_other_kernels(profile)
    # written so that NaN is a difference
    if repeat is not None and difference <= repeat.loss:
        if difference > ruleset.evidence.telling_loss:
            yield self.at(
                run,
                first,
                f"{off}, of which {repeat.loss:.1%} may be rounding here: other seeds and other code come as near",
                severity=Severity.INFO,
                fix="Nothing to fix: neither seed nor code counts as recomputed by this. A challenge tells more.",
            )
        return
    near, foreign = most is not None and difference <= most, elsewhere(run.settings, run.package)
    if repeat is None and (most is None or (near and foreign)):
        raise NotChecked(f"{off}; no bounds recorded for {precision} here")
    allowed = repeat.loss if repeat is not None else most
    yield self.at(
        run,
        first,
        f"the first epoch's train_loss is {show(stated)}, training it again gives {found.loss:.6f}"
        + (f"; kernels of another kind may differ by {most:.1%}" if near else ""),
        expected=f"{found.loss:.6f} +- {allowed:.2%}",
        actual=stated,
        severity=Severity.WARNING if near or foreign else self.severity,
    )


@rule(
    "EVD076",
    "The weights give the stated results on the test scenes",
    Scope.RUN,
    source=SOURCE,
    fix="Submit science.json as the run wrote it.",
    supports=(Support(Claim.ACCURACY, Standing.RECOMPUTED, "the test scenes, predicted again"),),
)
def test_scenes(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Predicting the test scenes again gives the numbers of science.json, to what rounding may move."""
    found = _asked(run).scenes
    if found is None or found.science is None:
        raise NotChecked((found and found.reason) or _asked(run).reason or "no scene was predicted again")
    if run.science is None:
        raise NotChecked("there is no readable science.json")
    allowed = ruleset.evidence.science_replay_tolerance * _looser(run, ruleset)
    wrong = [
        f"{name} is {show(stated)}, the weights give {show(again)}"
        for name, stated, again, pixels in _numbers(run.science, _asked_of(run.science, found.science), "")
        if not _near(stated, again, allowed * _scale(name, again, pixels))
    ]
    wrong += _unknown_groups(run.science, found.science)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        yield self.finding(
            f"{wrong[0]}{more}", path=run.files.science.as_posix(), expected=f"+- {allowed:.2g}"
        )


@rule(
    "EVD077",
    "The gallery shows what the weights predict",
    Scope.RUN,
    source=SOURCE,
    fix="Submit gallery.h5 as the run wrote it.",
)
def gallery(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Pictures persuade: each has to be what data and weights give, pixel by pixel, to what rounding may move."""
    found = _asked(run).scenes
    if found is None or (found.pictures is None and found.pictures_problem is None):
        raise NotChecked((found and found.reason) or _asked(run).reason or "there is no gallery.h5")
    path = run.files.gallery.as_posix()
    if found.pictures_problem is not None:
        yield self.finding(found.pictures_problem, path=path)
        return
    allowed = ruleset.evidence.gallery_share * _looser(run, ruleset)
    for picture in found.pictures or ():
        limit = allowed if picture.picture == "probability" else ruleset.evidence.gallery_share
        if picture.share > limit:
            yield self.finding(
                f"{picture.scene}: {picture.share:.1%} of the pixels of {picture.picture} are not what the weights "
                "and the data give",
                path=path,
                expected=f"<= {limit:.1%}",
                actual=round(picture.share, 4),
            )


def _asked(run: Run) -> Replay:
    """What was computed again. Raises NotChecked or NotApplicable."""
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")
    if run.replay is None:
        raise NotChecked("replay was not asked for (--replay)")
    return run.replay


def _looser(run: Run, ruleset: Ruleset) -> float:
    """How much more than in float32 rounding may move in the precision of a run: as for the accuracy."""
    limits = ruleset.evidence.replay_tolerance
    precision = str(run.log.value("lowest_numerical_precision_in_linear"))
    return limits.get(precision, max(limits.values())) / min(limits.values())


def _asked_of(stated: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """What was computed again, without what the schema of the stated file does not have."""
    if stated.get("schema") != 1:
        return again
    kept = {
        name: _lacking(value, stated.get(name), SINCE_2)
        for name, value in again.items()
        if name in stated or name not in SINCE_2_WHOLE
    }
    rows, given = kept.get("per_scene"), stated.get("per_scene")
    if isinstance(rows, list) and isinstance(given, list):
        kept["per_scene"] = [
            _lacking(row, there, SINCE_2_SCENE) for row, there in zip_longest(rows, given[: len(rows)])
        ]
    return kept


def _lacking(value: Any, stated: Any, names: frozenset[str]) -> Any:
    """The value without those of these names that the stated one does not have either, in it and in what it holds."""
    if isinstance(value, dict):
        there = stated if isinstance(stated, dict) else {}
        return {
            name: _lacking(inner, there.get(name), names)
            for name, inner in value.items()
            if name in there or name not in names
        }
    if isinstance(value, list):
        given = stated if isinstance(stated, list) else []
        return [_lacking(inner, there, names) for inner, there in zip_longest(value, given[: len(value)])]
    return value


def _numbers(
    stated: Any, again: Any, name: str, pixels: int | None = None
) -> Iterator[tuple[str, Any, Any, int | None]]:
    """Every number that either of two contents of science.json holds, by name, with the pixels that it is about;
    durations are left out."""
    if isinstance(again, dict):
        about = again.get("pixels", (again.get("overall") or {}).get("pixels", pixels))
        for key, value in again.items():
            if key not in ("seconds_per_scene", "schema"):
                inner = stated.get(key) if isinstance(stated, dict) else None
                yield from _numbers(inner, value, f"{name}.{key}" if name else key, about)
    elif isinstance(again, list):
        rows = stated if isinstance(stated, list) else []
        for at, value in enumerate(again):
            yield from _numbers(rows[at] if at < len(rows) else None, value, f"{name}[{at}]", pixels)
    else:
        yield name, stated, again, pixels


def _unknown_groups(stated: dict[str, Any], again: dict[str, Any]) -> Iterator[str]:
    """Groups of pixels in science.json that the test scenes do not have: which there are is no matter of rounding."""
    for name in GROUPS:
        groups, known = stated.get(name), again.get(name)
        if isinstance(groups, dict) and isinstance(known, dict):
            for group in sorted(groups.keys() - known.keys()):
                yield f"{name} has {show(group)}, of which the test scenes have no pixel"


def _scale(name: str, again: Any, pixels: int | None) -> float:
    """What the allowed share is of: counts and sums over pixels may move by so many pixels, all else by itself."""
    last = name.rpartition(".")[2]
    if last in ("pixels", "scenes"):
        return 0.0
    if pixels is not None and (is_int(again) or last == "squared_error"):
        return float(pixels)
    return max(1.0, abs(again)) if is_number(again) else 0.0


def _near(stated: Any, again: Any, allowed: float) -> bool:
    if is_number(stated) and is_number(again):
        return abs(stated - again) <= allowed
    return type(stated) is type(again) and bool(stated == again)


@rule(
    "EVD020",
    "The implementation computes what the reference computes",
    Scope.PACKAGE,
    source="TR 8.1, 8.3; sources E13, E14, P2, M2",
    fix="Use the reference, or let a reviewer read the code.",
    never_passes=True,
)
def equivalent_code(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Model graph, initialisation and training loop are only in the code."""
    judge_code(package, "its code")


@rule(
    "EVD021",
    "Nothing detects the benchmark",
    Scope.PACKAGE,
    source="TR 2.3; sources E15",
    fix="Let a reviewer read code and libraries.",
    never_passes=True,
)
def no_detection(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """A framework or driver that knows the benchmark and behaves differently for it is banned."""
    raise NotChecked("neither logs nor evidence show it: code and libraries have to be reviewed")
