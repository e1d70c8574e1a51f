"""The log: an event becomes bytes once, is committed, and only then seen.

- `record`: the encoding, and the index kept beside the bytes
- `committer`: one transaction for all that was appended meanwhile; the gate; what happens when the disk is full
- `session_log`: one session's log: append, read, wake
- `retention`: what is removed, when; `expiry` says which events those are, `steadiness` whether their age can be known
- `compaction`: small blocks become large ones
- `damage`: what stands in the place of a block that cannot be read
"""
