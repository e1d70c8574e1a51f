"""Decoders of what coding agents write: lines of JSON in, typed events out. No I/O, no clock; the same events for any chunking.

- `decoder`: what a decoder is, and what all of them share: lines, broken ones, the end
- `json_lines`: bytes into lines, lines into objects; whatever is none is handed on as it is
- `conversation`: turns, open calls, text, usage and plan: what one line's meaning depends on
- `tools`: a tool's kind, title and places by its name and input
- `choose`: which decoder a program, a hint or the first lines mean
- `blocks`: bare content blocks, one a line

and one file for each family.
"""
