"""Mutations of packages that pass: each names the rule that must notice.

One module per folder of rules/ (long ones in two), and hpc.py for packages of MLPerf HPC. Every module of
this folder is found and imported here, so a case of a new rule is a function in the module of its group.
Case names are recorded in tests/net and in docs/tampering.md.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.rules.cases.registry import CASES, HPC_CASES, WITNESS_CASES, Case, HpcCase

__all__ = ["CASES", "HPC_CASES", "WITNESS_CASES", "Case", "HpcCase"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
