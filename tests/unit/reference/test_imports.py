"""What each part of the reference may import, told from its source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "reference").rglob("*.py"))
PROTOCOL = [Path("reference/__init__.py"), *(p for p in MODULES if p.is_relative_to("reference/protocol"))]


def imported(module: Path) -> Iterator[str]:
    """Every module that is imported anywhere in this one, inside functions too."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_it_depends_on_neither_harness_nor_rules(module: Path) -> None:
    assert not {name.split(".")[0] for name in imported(module)} & {"harness", "rules", "tests"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_tensorflow_is_imported_only_below_its_folder(module: Path) -> None:
    if not module.is_relative_to("reference/tensorflow") and module.name != "__main__.py":
        forbidden = ("tensorflow", "keras", "reference.tensorflow")
        assert not [name for name in imported(module) if name.startswith(forbidden)]


@pytest.mark.parametrize("module", PROTOCOL, ids=str)
def test_the_protocol_needs_the_standard_library_and_mllog_only(module: Path) -> None:
    for name in imported(module):
        known = name.split(".")[0] in sys.stdlib_module_names
        assert known or name == "mlperf_logging" or name.startswith("reference.protocol."), name


def test_the_protocol_loads_without_anything_else() -> None:
    """In a clean interpreter; numpy, which mllog imports where it is installed, is hidden from it."""
    code = (
        "import sys; sys.modules['numpy'] = None; before = set(sys.modules); "
        "import reference.protocol.spec, reference.protocol.log, reference.protocol.settings; "
        "import reference.protocol.dataset; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "reference.protocol.settings" in loaded
    others = {
        name
        for name in loaded
        if name.split(".")[0] not in sys.stdlib_module_names
        and not f"{name}.".startswith(("mlperf_logging.", "reference.protocol."))
    }
    assert others == {"reference"}


def test_all_modules_load_without_tensorflow() -> None:
    """describe, synthesize, check and report must stay light; even a run loads TensorFlow only when it starts."""
    names = [".".join(path.with_suffix("").parts) for path in MODULES if path.name != "__main__.py"]
    imports = "; ".join(f"import {name.removesuffix('.__init__')}" for name in names)
    code = f"{imports}; import sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
