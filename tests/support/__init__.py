"""What tests share: builders of packages, fakes of machines and devices, fixtures, and where things lie."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parents[1]
SHARED = ROOT.parent / "shared"  # material that not every checkout has: tests skip without it
EXAMPLES = ROOT / "submissions/examples"
STARTERS = ROOT / "harness/plan/starters"
MLLOG_RULES = ROOT / "rules/mllog/cloudmask.yaml"  # in the language of mlperf_logging's compliance checker
