"""Settings that all tests share: how hard Hypothesis tries; no fixtures."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True)
settings.register_profile(
    "deep",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("EVENTFLOW_HYPOTHESIS_PROFILE", "quick"))
