"""Settings that all tests share."""

from hypothesis import settings

# the same examples on every machine, and no verdict that depends on how busy it is
settings.register_profile("ampelwerk", deadline=None, derandomize=True)
settings.load_profile("ampelwerk")
