"""Storage: blocks of encoded events, session rows and source positions, kept by whatever keeps the promises of `contract`.

- `contract`: what a store promises
- `sqlite`: the embedded default: opening, closing, and what is hot
- `upkeep`: its slow half: removing, merging, counting, checkpoints
- `reading`: blocks over one connection, the loop's or one of a thread beside it
- `layout`: its tables and rows
- `segments`: the files that hold large blocks
- `reserve`: room for removing when the disk is full
- `memory`: the same promises for as long as the process lives; for `run` without a server, and tests
"""
