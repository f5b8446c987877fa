"""The committed example package: small, compliant, free of paths of the machine that made it."""

import re

import pytest

from harness.check import check_package
from tests.support import EXAMPLES

SYSTEMS = {  # division, runs, precision, global batch
    "local-smoke": ("closed", 5, "fp32", 8),
    "local-smoke-batch16": ("open", 5, "fp32", 16),
    "local-smoke-open": ("open", 5, "fp32", 8),
    "local-smoke-bf16": ("open", 5, "bfloat16", 8),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_is_compliant_and_says_what_it_is(system):
    package, verdict = check_package(EXAMPLES, system=system)
    assert verdict.verdict == "compliant"
    assert package.dataset is not None and package.dataset.synthetic
    stated = package.runs[0].settings.value
    asked = ("lowest_numerical_precision_in_linear", "global_batch_size")
    assert (package.division, len(package.runs), *map(stated, asked)) == SYSTEMS[system]
    software = [run.record.software for run in package.runs if run.record]
    assert len({s["commit"] for s in software}) == 1 and not any(s["dirty"] for s in software)


def test_it_is_small_and_names_no_private_path():
    files = [p for p in EXAMPLES.rglob("*") if p.is_file()]
    weights = [p for p in files if p.name.endswith(".weights.h5")]
    assert len(weights) == 5 and all("local-smoke" in p.parts for p in weights)  # of the closed one alone
    assert sum(p.stat().st_size for p in weights) < 40_000_000
    for system in SYSTEMS:  # a package of its own
        assert sum(p.stat().st_size for p in set(files) - set(weights) if system in p.parts) < 2_500_000
    for path in files:
        if path.suffix in (".txt", ".json", ".jsonl", ".log", ".yaml"):
            assert not re.search(r"/(home|root|Users|work)/", path.read_text()), path
