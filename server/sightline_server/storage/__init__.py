"""Storage: blocks of encoded events, session rows and source positions, kept by whatever keeps the promises of `contract`.

- `contract`: what a store promises
- `sqlite`: the embedded default
- `memory`: the same promises for as long as the process lives; for `run` without a server, and tests
"""
