"""Who gets which trial: each setting once per repeat, in any number of processes, killed or not."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.core.errors import UserError
from harness.experiment import storage
from harness.experiment.model import Experiment
from harness.experiment.places import Places
from harness.experiment.queue import Key, Queue
from harness.experiment.record import TrialRecord, write_record

pytest.importorskip("optuna")
LR = "hyperparameters.learning_rate"
RANGE = {LR: {"low": 0.001, "high": 0.1, "log": True}}


def made(**said) -> Experiment:
    return Experiment.model_validate(
        {"name": "e", "base": "box", "search": {"space": {LR: [0.1, 0.2]}}, **said}
    )


class Desk:
    """An experiment whose trials take no time."""

    def __init__(self, root, **said) -> None:
        self.experiment, self.places = made(**said), Places(root / "e", "box")
        self.left: dict[int, TrialRecord] = {}
        self.said: list[str] = []

    def open(self) -> Queue:
        return Queue(self.experiment, self.places, self.left.get)

    def record(self, ticket, status="complete", value=1.0, hours=0.0) -> TrialRecord:
        record = TrialRecord(
            schema=1,
            number=ticket.number,
            point=ticket.key.point,
            repeat=ticket.key.repeat,
            values=ticket.values,
            status=status,
            value=value if status == "complete" else None,
            duration_s=hours * 3600,
            system="box",
        )
        write_record(self.places.record(ticket.number), record)
        return record

    def work(self, queue: Queue, most: int = 100, **how) -> list:
        tickets = []
        while len(tickets) < most and (ticket := queue.next(self.said.append)):
            queue.tell(ticket, self.record(ticket, **how))
            ticket.close()
            tickets.append(ticket)
        return tickets


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_every_setting_gets_its_runs_once(tmp_path, kind):
    desk = Desk(tmp_path, repeats=2, storage=kind)
    first = desk.work(desk.open(), most=3)
    rest = desk.work(desk.open())
    keys = [ticket.key for ticket in (*first, *rest)]
    assert keys == [Key(0, 0), Key(1, 0), Key(0, 1), Key(1, 1)]
    assert [t.values[LR] for t in (*first, *rest)] == [0.1, 0.2, 0.1, 0.2]
    assert desk.work(desk.open()) == []


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_killed_process_loses_nothing_but_its_trial(tmp_path, method):
    search = {"method": method, "points": 3, "space": RANGE}
    desk = Desk(tmp_path, search=search, repeats=2, storage="journal")
    queue = desk.open()
    done = desk.work(queue, most=2)
    lost = queue.next(desk.said.append)
    busy = desk.open()
    other = busy.next(desk.said.append)  # meanwhile: the lost one is held
    assert other.key != lost.key and desk.said == []
    lost.close()  # as the kernel does when the process ends
    busy.tell(other, desk.record(other))
    other.close()
    rest = desk.work(desk.open())
    assert desk.said == [f"trial {lost.number} was interrupted: taken back"]
    again = [ticket for ticket in rest if ticket.key == lost.key]
    assert len(again) == 1 and again[0].values == lost.values and again[0].number != lost.number
    assert Counter(t.key for t in (*done, other, *rest)) == {Key(p, r): 1 for p in range(3) for r in range(2)}


def test_a_process_that_ends_while_it_begins_a_trial_loses_nothing_else(tmp_path, monkeypatch):
    desk = Desk(tmp_path, repeats=2)
    queue = desk.open()

    def ended(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(queue._study, "ask", ended)
        queue.next(desk.said.append)
    tickets = desk.work(desk.open())
    assert Counter(ticket.key for ticket in tickets) == {Key(p, r): 1 for p in range(2) for r in range(2)}


def test_what_was_finished_when_the_process_ended_is_kept(tmp_path):
    desk = Desk(tmp_path)
    ticket = desk.open().next(desk.said.append)
    desk.record(ticket)  # written, but Optuna was not told
    ticket.close()
    found = desk.open().next(desk.said.append)
    assert "finished when its process ended" in desk.said[0] and found.key == Key(1, 0)
    found.close()
    desk.left[found.number] = desk.record(
        found
    ).model_copy()  # the run was finished, the record was not written
    desk.places.record(found.number).unlink()
    assert desk.open().next(desk.said.append) is None


def test_the_same_points_are_drawn_anywhere(tmp_path):
    search = {"method": "random", "points": 4, "space": RANGE, "seed": 5}
    found = [
        [t.values for t in desk.work(desk.open())]
        for desk in (Desk(tmp_path / n, search=search) for n in "ab")
    ]
    assert found[0] == found[1] and len({str(values) for values in found[0]}) == 4


def test_more_points_may_be_asked_for_later(tmp_path):
    search = {"method": "random", "points": 2, "space": RANGE}
    assert len(Desk(tmp_path, search=search).work(Desk(tmp_path, search=search).open())) == 2
    more = Desk(tmp_path, search={**search, "points": 3})
    assert [ticket.key for ticket in more.work(more.open())] == [Key(2, 0)]


@pytest.mark.parametrize("status", ["pruned", "unreached", "failed"])
def test_a_trial_without_a_value_is_not_repeated(tmp_path, status):
    desk = Desk(tmp_path, objective={"measure": "accuracy", "after_epochs": 2})
    assert len(desk.work(desk.open(), status=status)) == 2
    assert desk.work(desk.open()) == []


def test_the_budget_ends_it(tmp_path):
    desk = Desk(tmp_path, budget={"hours": 1.5}, repeats=4)
    assert len(desk.work(desk.open(), hours=1.0)) == 2
    assert desk.said == ["the budget is spent: no further trial begins"]


def test_another_storage_or_none_is_said(tmp_path, monkeypatch):
    Desk(tmp_path).open()
    with pytest.raises(UserError, match="stored in study.sqlite"):
        Desk(tmp_path, storage="journal").open()
    (tmp_path / "e/study.sqlite").write_text("something else")
    with pytest.raises(UserError, match="cannot read the storage"):
        Desk(tmp_path).open()
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UserError, match="EXTRA=experiment"):
        storage.optuna()
