"""A process that runs trials, one after the other, as long as there are any."""

from __future__ import annotations

from harness.core.errors import ExitCode, UserError
from harness.experiment.queue import Queue
from harness.experiment.trial import Workplace, begin, recover, run_trial, shown, told

FAILURES = 3  # of trials one after the other, before the worker gives up


def work(place: Workplace) -> int:
    """Run trials until none is left to begin; returns how many this process has run.

    Raises UserError when several fail one after the other, and KeyboardInterrupt: the trial that was on is then
    taken back by whoever runs next.
    """
    queue = Queue(place.experiment, place.places, lambda number: recover(place, number))

    def say(text: str) -> None:
        place.console.print(text, markup=False, highlight=False, soft_wrap=True)

    done = failures = 0
    while ticket := queue.next(say):
        try:
            begun = begin(place, ticket)
            say(shown(ticket))
            record = run_trial(place, ticket, begun)
            queue.tell(ticket, record)
        finally:
            ticket.close()
        say(told(record, place.experiment))
        done += 1
        failures = failures + 1 if record.status == "failed" else 0
        if failures == FAILURES:
            raise UserError(
                f"{FAILURES} trials failed one after the other, the last one: {record.reason}.",
                f"see {place.places.trial(record.number).failed_dir(0)}; then go on: finished trials are not repeated.",
                ExitCode.FAILED,
            )
    return done
