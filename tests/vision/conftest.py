"""Property tests here compare with references; a busy machine must not fail them for being slow."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
