"""Other hosts: what runs there is held there, by sh, tmux and coreutils alone, and read over OpenSSH as the user has set it up.

- `ssh`: the program, what may be a host's name, and what its last words mean
- `channel`: one ssh process: bytes in, bytes out, its end
- `shell`: a held `sh` over a channel that takes commands and answers, so that none needs a process of its own here
- `host`: one host: its held shell, its heartbeat, reconnecting, who is told
- `scripts`: what runs there, and how words are written for a shell
- `stream`: from a spool there to a sink: the exact byte, the end's marker, what was lost
- `source`: what all sources there have in common; `terminal`, `adopted`, `command`: each kind
- `file_stream`, `typescript`: a file there that `script` writes
- `program`: what the sources of our own programs have in common; `panes`: those of panes
- `pane`: a pane there: typing, echo, the screen
- `discovery`: what could be adopted there

Knows nothing of how the same is done on this host, but for the formats that both share.
"""
