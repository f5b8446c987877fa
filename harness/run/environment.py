"""The environment of a run: variables that put code into a process are taken out, unless the recipe declares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PYTHON = "PYTHON"
SWITCHES = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # of Python, that load nothing
LOADER = ("LD_", "DYLD_")  # of the dynamic linker
NAMES = (
    "GLIBC_TUNABLES",
    "GCONV_PATH",  # converters that iconv loads
    "OPENSSL_CONF",  # names engines and providers to load
    "CUDA_INJECTION32_PATH",
    "CUDA_INJECTION64_PATH",
    "NVTX_INJECTION32_PATH",
    "NVTX_INJECTION64_PATH",
)
# what a recipe's own command may need to start at all
OF_A_COMMAND = (PYTHON, "LD_LIBRARY_PATH", "OPENSSL_CONF")
MAX_VALUE = 500  # characters of a value that are recorded


def is_hook(name: str) -> bool:
    """Whether a variable of that name can put code into a process, or exchange what it loads."""
    return name not in SWITCHES and (name in NAMES or name.startswith((PYTHON, *LOADER)))


@dataclass(frozen=True)
class Environment:
    """Variables of a run, and what became of those that put code into a process."""

    variables: dict[str, str]
    kept: dict[str, str] = field(default_factory=dict)  # by name: the value
    stripped: list[str] = field(default_factory=list)

    def record(self, own: Mapping[str, str]) -> dict[str, Any]:
        """For run.json; `own` is the environment of the harness itself, to which preloads apply, too."""
        return {
            "kept": {name: value[:MAX_VALUE] for name, value in sorted(self.kept.items())},
            "stripped": self.stripped,
            "harness": sorted(name for name in own if name in ("LD_PRELOAD", "LD_AUDIT") and own[name]),
        }


def run_environment(own: Mapping[str, str], declared: Iterable[str], own_command: bool) -> Environment:
    """What a run inherits from the environment of the harness.

    Hooks stay where the recipe declares them; for a command of the recipe's own (`own_command`) those of
    Python and the path of libraries, too, without which it may not start.
    """
    allowed = set(declared)
    kept, stripped = {}, []
    for name, value in own.items():
        if is_hook(name) and value:
            if name in allowed or (own_command and name.startswith(OF_A_COMMAND)):
                kept[name] = value
            else:
                stripped.append(name)
    variables = {name: value for name, value in own.items() if not is_hook(name) or name in kept}
    return Environment(variables, kept, sorted(stripped))
