"""Sightline's server.

- `app`: the composition root; `settings`: flags, environment and TOML; `errors`: everything that can go wrong, as a tree
- `rpc`: thin handlers, authentication, the table from errors to status codes
- `sessions`: which sessions there are, their lives and states
- `subscription`: position, filter and pacing of one subscriber; knows no gRPC
- `capture`: one file for each kind of source; `decode`: bytes in, pieces or events out, no I/O
- `log`: encode once, commit, wake; `storage`: what a store promises, SQLite, memory

Each may import those below it in this list, never those above (`scripts/check` holds it).
"""
