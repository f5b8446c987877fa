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


def _sent_and_noted(pipe, monkeypatch, wait_s, data=b"a\n"):
    """When a piece was written and what was noted; the thread waits so long each time it is asked."""
    waited_s = itertools.count(0.0, wait_s)
    monkeypatch.setattr(readout, "_waited_s", lambda: next(waited_s))
    read, write = pipe
    reading = Readout(read)
    assert reading.next(0.3) is None  # so that there is room for a wait since the beginning
    written_s = time.monotonic()
    os.write(write, data)
    noted = reading.next(HANG_S)
    os.close(write)
    reading.close()
    return written_s, noted


def test_what_the_thread_waited_for_a_processor_is_not_the_child_s_time(pipe, monkeypatch):
    wait_s = readout.MOST_S / 2
    _, noted = _sent_and_noted(pipe, monkeypatch, wait_s)
    assert noted.monotonic_s <= time.monotonic() - wait_s
    assert time.time() - noted.wall_s >= wait_s


def test_a_wait_that_may_have_ended_before_the_line_came_does_not_make_it_early(pipe, monkeypatch):
    written_s, noted = _sent_and_noted(pipe, monkeypatch, 0.25)
    assert noted.monotonic_s >= written_s - readout.MOST_S
    assert load_ruleset().clock.arrival_early_s > readout.MOST_S


def test_the_clock_is_read_behind_all_of_a_piece(pipe, monkeypatch):
    """What is written until the pipe is read belongs to the piece."""
    read, write = pipe
    written_s, ready = [], select.select

    def late(*arguments):
        found = ready(*arguments)
        if found[0] and len(written_s) == 1:
            time.sleep(0.3)  # put off its processor, and meanwhile the child goes on
            written_s.append(time.monotonic())
            os.write(write, b"b\n")
        return found

    monkeypatch.setattr(readout.select, "select", late)
    reading = Readout(read)
    written_s.append(time.monotonic())
    os.write(write, b"a\n")
    noted = reading.next(HANG_S)
    monkeypatch.undo()
    reading.close()
    assert noted.data == b"a\nb\n" and noted.monotonic_s >= written_s[1] - readout.MOST_S


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
    """Is put off its processor for half a second after each piece."""

    waited_s = 0.0

    def _put(self, piece):
        super()._put(piece)
        time.sleep(0.5)
        type(self).waited_s += 0.5


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
