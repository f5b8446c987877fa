"""Mutations for WIT rules: the witness of the runs. Judged in tests/rules/test_witness.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from securesystemslib.signer import CryptoSigner

from harness.statement.making import make_statement, sign
from rules.model.findings import Verdict
from rules.model.layout import STATEMENT
from rules.model.witness import Closing, Entry, Failure, Mark, Opening, Packaged, Registration, Stamp
from tests.rules.cases.edits import edit_record, find, resample
from tests.rules.cases.registry import witness_case
from tests.support.authority.clocked import ClockedAuthority
from tests.support.authority.keys import test_keys
from tests.support.builders import BASE_WALL_S, BuiltPackage, Lines
from tests.support.builders.witness import rewrite, stamp_again

Entries = list[Entry]
TELEMETRY = {"telemetry": True}


def _rewrite(built: BuiltPackage, change: Callable[[Entries], Iterable[Entry] | None]) -> None:
    rewrite(built.layout.witness, change)
    built.reseal(timeline=False)


def _stamp_again(
    built: BuiltPackage,
    times: Callable[[int, float], float | None] = lambda number, wall_s: wall_s + 0.2,
    change: Callable[[Entries], Iterable[Entry]] = lambda entries: entries,
) -> None:
    stamp_again(built.layout.witness, times, change)
    built.reseal(timeline=False)


def _is_of(entry: Entry, run: int) -> bool:
    return getattr(entry, "run", None) == run


@witness_case("WIT001", only=True)
def promised_witness_removed(built: BuiltPackage) -> None:
    built.layout.witness.unlink()
    built.reseal(timeline=False)


@witness_case("WIT001", only=True)
def failed_attempts_deleted(built: BuiltPackage) -> None:
    """Attack 06: slow attempts are deleted from failed/, and their lines cannot be."""

    def change(entries: Entries) -> Entries:
        at = next(i for i, e in enumerate(entries) if isinstance(e, Packaged))
        wall_s = BASE_WALL_S + 4 * 300 + 100
        opened = Opening(wall_s=wall_s, run=5, seed=5, draw=5, registration=2)
        closed = Closing(wall_s=wall_s + 60, run=5, status="failed", files={})
        return [*entries[:at], opened, closed, *entries[at:]]

    _stamp_again(built, change=change)


@witness_case("WIT001")
def run_taken_out_of_the_chain(built: BuiltPackage) -> None:
    _stamp_again(built, change=lambda entries: [e for e in entries if not _is_of(e, 2)])


@witness_case("WIT001")
def another_plan_than_registered(built: BuiltPackage) -> None:
    built.edit_json(built.layout.plan, lambda plan: plan.update(harness_version="0.1.1"))


@witness_case("WIT001")
def epochs_after_the_stop(built: BuiltPackage) -> None:
    def change(entries: Entries) -> Entries:
        stop = next(i for i, e in enumerate(entries) if isinstance(e, Mark) and e.point == "stop")
        entries[stop], entries[stop - 1] = entries[stop - 1], entries[stop]
        return entries

    _stamp_again(built, change=change)


@witness_case("WIT001")
def registration_cut_off(built: BuiltPackage) -> None:
    _rewrite(built, lambda entries: [e for e in entries if not isinstance(e, Registration)])


@witness_case("WIT002")
def log_edited_after_it_was_stamped(built: BuiltPackage) -> None:
    """Attacks 01 and 20, done when the runs are over: every other record is made to agree."""

    def change(events: Lines) -> None:
        start, stop = find(events, "run_start")["time_ms"], find(events, "run_stop")["time_ms"]
        for event in events:
            into = min(max(event["time_ms"] - start, 0), stop - start)
            event["time_ms"] -= into // 2

    built.edit_events(2, change)


@witness_case("WIT002", **TELEMETRY)
def telemetry_replaced(built: BuiltPackage) -> None:
    """Attack 26, done when the run is over."""
    resample(built, run=1, noise=7)


@witness_case("WIT002")
def epoch_left_out_of_the_chain(built: BuiltPackage) -> None:
    def change(entries: Entries) -> Entries:
        gone = next(e for e in entries if isinstance(e, Mark) and e.point == "epoch" and e.run == 1)
        return [e for e in entries if e is not gone]

    _stamp_again(built, change=change)


@witness_case("WIT003", only=True)
def seed_of_choice_under_the_same_registration(built: BuiltPackage) -> None:
    """Attack 49: the seed is chosen, and everything else made to agree with it."""
    chosen = 987_654_321

    def change(entries: Entries) -> Entries:
        return [
            msgspec.structs.replace(e, seed=chosen) if isinstance(e, Opening) and e.run == 1 else e
            for e in entries
        ]

    _stamp_again(built, change=change)


@witness_case("WIT004")
def record_edited_after_packaging(built: BuiltPackage) -> None:
    edit_record(built, lambda record: record.update(host="node7.example"))


@witness_case("WIT004", only=True)
def package_never_stamped(built: BuiltPackage) -> None:
    _stamp_again(built, change=lambda entries: [e for e in entries if not isinstance(e, Packaged)])


@witness_case("WIT005")
def stamp_of_another_line_replayed(built: BuiltPackage) -> None:
    def change(entries: Entries) -> None:
        first, second = [i for i, e in enumerate(entries) if isinstance(e, Stamp)][4:6]
        entries[second] = msgspec.structs.replace(entries[second], token=entries[first].token)  # type: ignore

    _rewrite(built, change)


@witness_case("WIT005", only=True)
def stamp_on_a_foreign_message(built: BuiltPackage) -> None:
    foreign = ClockedAuthority().stamp(b"somebody else's", BASE_WALL_S + 1300)

    def change(entries: Entries) -> None:
        entries[-1] = msgspec.structs.replace(entries[-1], token=foreign)  # type: ignore[type-var]

    _rewrite(built, change)


@witness_case("WIT005", only=True)
def stamp_without_sense(built: BuiltPackage) -> None:
    def change(entries: Entries) -> None:
        entries[-1] = msgspec.structs.replace(entries[-1], token=b"\x30\x03\x02\x01\x00")  # type: ignore

    _rewrite(built, change)


@witness_case("WIT005", only=True)
def time_in_a_stamp_changed(built: BuiltPackage) -> None:
    def change(entries: Entries) -> None:
        token = bytearray(entries[-1].token)  # type: ignore[union-attr]
        at = token.index(b"\x18\x0f2026") + 2
        token[at : at + 4] = b"2025"
        entries[-1] = msgspec.structs.replace(entries[-1], token=bytes(token))  # type: ignore[type-var]

    _rewrite(built, change)


@witness_case("WIT005")
def stamp_on_a_line_to_come(built: BuiltPackage) -> None:
    def change(entries: Entries) -> None:
        entries[-1] = msgspec.structs.replace(entries[-1], of=len(entries) + 3)  # type: ignore[type-var]

    _rewrite(built, change)


@witness_case("WIT006", only=True)
def authority_of_the_submitters_own(built: BuiltPackage) -> None:
    own = ClockedAuthority(test_keys("somebody's own"))

    def change(entries: Entries) -> None:
        number = len(entries)
        assert isinstance(entries[-1], Stamp)
        entries[-1] = Stamp(of=number - 1, token=own.stamp(b"whatever", BASE_WALL_S + 1500))

    _rewrite(built, change)


@witness_case("WIT007", only=True)
def stop_of_a_run_without_a_stamp(built: BuiltPackage) -> None:
    def change(entries: Entries) -> Entries:
        stop = next(i for i, e in enumerate(entries) if isinstance(e, Mark) and e.point == "stop")
        return [*entries[: stop + 1], Failure(of=stop + 2, why="no answer within 10 s"), *entries[stop + 1 :]]

    stops = _numbers_of_stops(built)
    _stamp_again(built, lambda number, wall_s: None if number in stops[:1] else wall_s + 0.2)


def _numbers_of_stops(built: BuiltPackage) -> list[int]:
    """Line numbers of the run_stop marks."""
    numbers: list[int] = []

    def look(entries: Entries) -> None:
        numbers.extend(n for n, e in enumerate(entries, 1) if isinstance(e, Mark) and e.point == "stop")

    rewrite(built.layout.witness, look)
    return numbers


@witness_case("WIT008")
def stamps_out_of_order(built: BuiltPackage) -> None:
    late = _numbers_of_stops(built)[1]
    _stamp_again(built, lambda number, wall_s: wall_s + (500 if number == late else 0.2))


@witness_case("WIT009", only=True)
def registered_again(built: BuiltPackage) -> None:
    def change(entries: Entries) -> Entries:
        again = Registration(wall_s=BASE_WALL_S + 1400, plan="0" * 64, entropy="0" * 64)
        return [*entries[:-1], again, entries[-1]]

    _stamp_again(built, change=change)


@witness_case("WIT009")
def registered_before_and_set_aside(built: BuiltPackage) -> None:
    def change(entries: Entries) -> None:
        entries[0] = msgspec.structs.replace(entries[0], earlier=3)  # type: ignore[type-var]

    _rewrite(built, change)


@witness_case("WIT010")
def runs_took_twice_as_long(built: BuiltPackage) -> None:
    """Attack 01, done while the runs go on: the harness writes half of each time, the stamps have all of it."""

    def true_s(number: int, wall_s: float) -> float:
        run = int((wall_s - BASE_WALL_S) // 300)
        return wall_s + (wall_s - (BASE_WALL_S + 300 * run)) + 0.2

    _stamp_again(built, true_s)


@witness_case("WIT010")
def dates_moved(built: BuiltPackage) -> None:
    """Attack 41: the log is of last year, and so are all other records."""
    _stamp_again(built, lambda number, wall_s: wall_s + 300 * 86400)


@witness_case("WIT010")
def chain_made_up_afterwards(built: BuiltPackage) -> None:
    """All stamps within a minute, of runs that are said to have taken twenty."""
    _stamp_again(built, lambda number, wall_s: BASE_WALL_S + 2000 + number / 10)


@witness_case("WIT011", only=True)
def stop_stamped_late(built: BuiltPackage) -> None:
    _stamp_again(built)  # as the authority would, so that lines have the numbers that they have below
    stop = _numbers_of_stops(built)[-1]
    _stamp_again(built, lambda number, wall_s: wall_s + (25 if number >= stop else 0.2))


@witness_case("WIT012", only=True)
def room_for_a_run(built: BuiltPackage) -> None:
    """Attack 04: slow runs are left out, and the time they took is not."""
    _stamp_again(built, lambda number, wall_s: wall_s + 0.2 + 120 * ((wall_s - BASE_WALL_S) // 300 >= 3))


@witness_case("WIT013")
def signed_before_it_was_edited(built: BuiltPackage) -> None:
    signer = CryptoSigner.generate_ed25519()
    verdict = Verdict("cloudmask-1.1", "", "compliant", [], [])
    sign(built.root / STATEMENT, make_statement(built.root, verdict), signer)
    built.edit_text(built.layout.code_dir / "README.md", lambda text: text + "more\n")
