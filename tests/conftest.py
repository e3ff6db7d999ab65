"""For all tests: a busy machine fails no property test for being slow, and two runs try the same examples."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
