"""How many cases a fuzz test tries: few by default, a hundred times as many with HYPOTHESIS_PROFILE=deep.

The cases are the same in every run where CI is set, and others each time elsewhere.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
FACTOR = int(os.environ.get("FUZZ_FACTOR", "100")) if DEEP else 1


def cases(number: int) -> settings:
    """Settings for a test of `number` cases by default."""
    return settings(
        max_examples=number * FACTOR,
        deadline=None,
        database=None,
        derandomize="CI" in os.environ and not DEEP,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
