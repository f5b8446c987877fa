"""The output of a child: every piece with the time at which it could be read."""

import itertools
import os
import select
import time
from contextlib import suppress

import pytest

from harness.core import readout
from harness.core.readout import MOST_WAITING, PIECE_BYTES, Readout
from rules.ruleset import load_ruleset
from tests.support.waiting import HANG_S, wait_for


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_pieces_come_in_order_with_times_and_end_with_the_output(pipe):
    read, write = pipe
    before_s = time.monotonic()
    reading = Readout(read)
    assert reading.next(0.0) is None
    os.write(write, b"a")
    first = reading.next(HANG_S)
    os.write(write, b"b")
    second = reading.next(HANG_S)
    os.close(write)
    last = reading.next(HANG_S)
    reading.close()
    assert (first.data, second.data, last.data) == (b"a", b"b", b"")
    assert before_s <= first.monotonic_s <= second.monotonic_s <= last.monotonic_s <= time.monotonic()


@pytest.fixture
def quarters(monkeypatch):
    """The thread waits a quarter of a second each time it is asked, and the tick does not end its sleep."""
    waited_s = itertools.count(0.0, 0.25)
    monkeypatch.setattr(readout, "_waited_s", lambda: next(waited_s))
    sleeps = itertools.count()
    monkeypatch.setattr(readout, "_switches", lambda: (next(sleeps), 0))
    monkeypatch.setattr(readout, "TICK_S", HANG_S)


def _sent_and_noted(pipe, data=b"a\n"):
    """When a piece was written to a sleeping thread, and what was noted."""
    read, write = pipe
    reading = Readout(read)
    assert reading.next(0.3) is None  # so that a quarter of a second has passed since the beginning
    written_s = time.monotonic()
    os.write(write, data)
    noted = reading.next(HANG_S)
    os.close(write)
    reading.close()
    return written_s, noted


def test_what_the_thread_waited_for_a_processor_is_not_the_child_s_time(pipe, quarters):
    begun_s = time.monotonic()
    _, noted = _sent_and_noted(pipe)
    assert begun_s <= noted.monotonic_s <= time.monotonic() - 0.25
    assert time.time() - noted.wall_s >= 0.25


@pytest.mark.parametrize("each", [(1, 1), (2, 0), (0, 0)], ids=["put off", "the lock", "did not sleep"])
def test_a_thread_that_did_more_than_sleep_may_have_waited_before_the_piece_came(
    pipe, quarters, monkeypatch, each
):
    times = itertools.count()

    def switches():
        nth = next(times)
        return each[0] * nth, each[1] * nth

    monkeypatch.setattr(readout, "_switches", switches)
    written_s, noted = _sent_and_noted(pipe)
    assert noted.monotonic_s >= written_s - readout.UNSURE_S


def test_of_several_lines_only_the_first_woke_the_thread(pipe, quarters):
    written_s, noted = _sent_and_noted(pipe, b"a\nb\n")
    assert noted.monotonic_s >= written_s - readout.UNSURE_S


def test_a_sleep_is_counted_as_one():
    for _ in range(200):  # a busy machine may add to any of them
        voluntary, forced = readout._switches()
        select.select([], [], [], 0.01)
        if readout._switches() == (voluntary + 1, forced):
            return
    pytest.fail("no sleep was counted as one")


def test_a_thread_that_woke_by_itself_may_have_waited_before_the_piece_came(pipe, quarters, monkeypatch):
    monkeypatch.setattr(readout, "TICK_S", 0.0)
    written_s, noted = _sent_and_noted(pipe)
    assert noted.monotonic_s >= written_s - readout.UNSURE_S


def test_what_is_taken_off_without_knowing_does_not_make_a_line_early():
    assert load_ruleset().clock.arrival_early_s > readout.UNSURE_S


def test_times_do_not_run_backwards(pipe, monkeypatch):
    read, write = pipe
    waited_s = itertools.count(0.0, 3600.0)
    monkeypatch.setattr(readout, "_waited_s", lambda: next(waited_s))
    reading = Readout(read)
    noted = []
    for _ in range(3):
        os.write(write, b"a")
        noted.append(reading.next(HANG_S).monotonic_s)
    reading.close()
    assert noted == sorted(noted)


def test_a_system_that_does_not_say_how_long_a_thread_waited(monkeypatch, tmp_path):
    for text in (None, "", "1", "a b c"):
        place = tmp_path / "schedstat"
        if text is not None:
            place.write_text(text)
        monkeypatch.setattr(readout, "SCHEDULED", str(place))
        assert readout._waited_s() == 0.0
    place.write_text("7 2500000000 3\n")
    assert readout._waited_s() == 2.5


def test_nobody_takes_what_is_read(pipe):
    """No more is read than may wait, and the thread ends all the same."""
    read, write = pipe
    os.set_blocking(write, False)
    reading = Readout(read)

    def filled():
        with suppress(BlockingIOError):
            os.write(write, b"x" * PIECE_BYTES)
        return reading._pieces.full()

    wait_for(filled)
    reading.close()
    assert not reading._thread.is_alive() and reading._pieces.qsize() == MOST_WAITING


class _Interrupted(Readout):
    """Is put off its processor for half a second after each piece; `wrote` is called meanwhile."""

    waited_s = 0.0

    def _put(self, piece):
        super()._put(piece)
        self.wrote()
        time.sleep(0.5)
        type(self).waited_s += 0.5

    def wrote(self) -> None:
        pass


def test_a_wait_before_a_piece_came_is_not_taken_off_it(pipe, monkeypatch):
    monkeypatch.setattr(readout, "_waited_s", lambda: _Interrupted.waited_s)
    read, write = pipe
    reading = _Interrupted(read)
    for _ in range(2):
        before = _Interrupted.waited_s
        written_s = time.monotonic()
        os.write(write, b"a")
        assert reading.next(HANG_S).monotonic_s >= written_s
        wait_for(lambda before=before: _Interrupted.waited_s > before)
        time.sleep(2 * readout.TICK_S)  # the thread is at its select again
    reading.close()


def test_little_of_a_wait_is_taken_off_a_piece_that_came_in_between(pipe, monkeypatch):
    monkeypatch.setattr(readout, "_waited_s", lambda: _Interrupted.waited_s)
    read, write = pipe
    sent = iter([b"b"])
    reading = _Interrupted(read)
    reading.wrote = lambda: os.write(write, next(sent, b""))
    os.write(write, b"a")
    first, second = reading.next(HANG_S), reading.next(HANG_S)
    reading.close()
    # it could be read 0.5 s after the first piece, having come at once or at the end
    assert second.monotonic_s - first.monotonic_s >= 0.5 - 2 * readout.UNSURE_S
