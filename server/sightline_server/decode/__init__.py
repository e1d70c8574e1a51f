"""Decoders: bytes in, pieces or events out. No I/O, no clock, no callbacks; whole or byte by byte gives the same.

- `lines`: where a stream is cut into output events
"""
