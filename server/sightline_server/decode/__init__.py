"""Decoders: bytes in, pieces or events out. No I/O, no clock, no callbacks; whole or byte by byte gives the same.

- `lines`: where a stream is cut into output events
- `escapes`: takes escape codes out, or leaves in those that edit a line
- `line`: what stays visible on one line of a terminal
- `text`: a stream as lines of text
"""
