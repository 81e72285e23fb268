"""How hard hypothesis tries: HYPOTHESIS_PROFILE=ci or soak; ci by itself where CI is set."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "everyday",
    max_examples=100,
    stateful_step_count=60,
    deadline=None,  # machines differ
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("everyday"), max_examples=250)
settings.register_profile(
    "soak", settings.get_profile("ci"), max_examples=10_000, derandomize=False, print_blob=True
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "everyday")
)
