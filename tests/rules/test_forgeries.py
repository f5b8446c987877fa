"""Consistent forgeries are found by the rules that docs/tampering.md names, and those that are not stay listed."""

from __future__ import annotations

import pytest

from harness.check import check_package
from rules.model.findings import Severity
from rules.registry import catalogue
from tests.rules.forgeries import FORGERIES, Forgery


@pytest.mark.parametrize("forged", FORGERIES, ids=lambda f: f.name)
def test_forgery(fresh, forged: Forgery):
    built = fresh(**forged.options)
    forged.forge(built)
    _, verdict = check_package(built.root)
    errors = {f.rule for f in verdict.findings if f.severity is Severity.ERROR}
    warned = {f.rule for f in verdict.findings if f.severity is Severity.WARNING}
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    assert set(forged.rules) <= errors, f"found only {sorted(errors)}"
    # what check cannot find is said to be so: once a rule finds it, the list has to be corrected
    assert bool(errors) == bool(forged.rules), sorted(errors)
    if forged.level in ("a person", "board"):
        assert set(forged.beyond) <= warned


def test_the_list_says_how_each_is_found():
    assert len(FORGERIES) >= 28
    known = {rule.id for rule in catalogue()}
    assert all(set(f.rules) | set(f.beyond) <= known and (f.rules or f.beyond) for f in FORGERIES)
    assert all(bool(f.rules) == (f.level == "check") for f in FORGERIES)
    assert len({f.name for f in FORGERIES}) == len(FORGERIES)
