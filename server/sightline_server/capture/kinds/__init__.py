"""The kinds of sources, one file each: what a request must hold, what the session's record says, how the source is made.

`capture/sources.py` lists them. A kind is a class that keeps the promises of `capture.kind.Kind`.
"""
