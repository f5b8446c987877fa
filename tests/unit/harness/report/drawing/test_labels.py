"""Names of fields and of what was seen of the software, in words for people."""

from __future__ import annotations

import pytest

from harness.report.drawing.labels import field_label, software_rows


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("host_memory_capacity", "Host memory capacity"),
        ("hw_notes", "Hardware notes"),
        ("host_processor_vcpu_count", "Host processor vCPU count"),
        ("_odd name ", "Odd name"),
        ("", ""),
    ],
)
def test_a_field_is_named_in_words(name: str, label: str) -> None:
    assert field_label(name) == label


def test_what_runs_say_of_their_code_is_named_in_words_and_packages_keep_their_names() -> None:
    said = software_rows({"numpy": "2.4.6", "dirty": "false", "code_differs": "[]", "odd": "[]"})
    assert said == {
        "numpy": "2.4.6",
        "changed since that commit": "no",
        "files not the same before, during and after": "none",
        "odd": "[]",
    }
