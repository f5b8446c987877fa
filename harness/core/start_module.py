"""Run a module of this source tree, and none that only has its name: `python -I start_module.py MODULE [ARGUMENT...]`.

Python would look for it in the working directory, in PYTHONPATH and in the user's site folder first, where a
folder `reference/` or a file `sitecustomize.py` may lie: -I closes all of these. The packages of this tree are then
loaded by a finder of its own, from the source files (a .pyc beside them may hold anything). With --report before
MODULE, one line on standard output says at the end which files were loaded, each with the SHA-256 of the bytes that
were compiled.

A script of the standard library alone: nothing of this tree is imported before the finder is in place.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import runpy
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
OWN = ("harness", "reference", "rules")
TOKEN = ":::CODE "  # the line that --report prints
loaded: dict[str, str] = {}  # path below ROOT -> SHA-256


class _Loader(SourceFileLoader):
    """Compiles the source file each time, and notes its digest."""

    def get_code(self, fullname: str) -> CodeType:
        data = self.get_data(self.path)
        loaded[Path(self.path).relative_to(ROOT).as_posix()] = hashlib.sha256(data).hexdigest()
        return self.source_to_code(data, self.path)


class _Finder:
    """Finds the packages of this tree, and no other module."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks. Raises ModuleNotFoundError for a module of this tree that is not there."""
        parts = name.split(".")
        if parts[0] not in OWN:
            return None
        place = ROOT.joinpath(*parts)
        package, module = place / "__init__.py", place.with_name(f"{parts[-1]}.py")
        file = package if package.is_file() else module
        if not file.is_file():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        below = [str(place)] if file is package else None
        return importlib.util.spec_from_file_location(
            name, file, loader=_Loader(name, str(file)), submodule_search_locations=below
        )


def main() -> None:
    """Run the module as `__main__`; ends as it ends."""
    words = sys.argv[1:]
    report = words[:1] == ["--report"]
    module, *arguments = words[report:]
    sys.meta_path.insert(0, _Finder())
    # -I ignores it; what is still set here was declared in the recipe
    declared = os.environ.get("PYTHONPATH")
    sys.path[:0] = [entry for entry in (declared or "").split(os.pathsep) if entry]
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if report and os.environ.get("RANK", "0") == "0":
            # of several workers, the one whose output is the log
            with suppress(OSError, ValueError):
                print(TOKEN + json.dumps(loaded, sort_keys=True), flush=True)


if __name__ == "__main__":
    main()
