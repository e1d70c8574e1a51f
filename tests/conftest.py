"""For all tests."""

import signal

# Who starts the tests in the background may have SIGINT ignored, and so would have every program that is tried with Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
