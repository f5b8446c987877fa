"""The committed example package: small, compliant, free of paths of the machine that made it."""

import re
from pathlib import Path

from harness.checker import check_package

EXAMPLES = Path(__file__).resolve().parents[2] / "submissions/examples"


def test_it_is_compliant_and_says_what_it_is():
    package, verdict = check_package(EXAMPLES, system="local-smoke")
    assert verdict.verdict == "compliant"
    assert package.dataset is not None and package.dataset.synthetic
    assert len(package.runs) == 5


def test_it_is_small_and_names_no_private_path():
    files = [p for p in EXAMPLES.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 5_000_000
    for path in files:
        if path.suffix in (".txt", ".json", ".jsonl", ".log", ".yaml"):
            assert not re.search(r"/(home|root|Users|work)/", path.read_text()), path
