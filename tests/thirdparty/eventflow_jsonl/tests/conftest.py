"""How hard Hypothesis tries."""

from hypothesis import settings

settings.register_profile("quick", max_examples=10, deadline=None)
settings.load_profile("quick")
