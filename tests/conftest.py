"""For all tests."""

import signal

from hypothesis import settings

# Who starts the tests in the background may have SIGINT ignored, and so would have every program that is tried with Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("patient", deadline=None)  # how long an example takes depends on the machine
settings.load_profile("patient")
