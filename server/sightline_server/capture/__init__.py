"""Capture: what a source is to a session, and one file for each kind of source.

- `base`: the two sides of the contract, `Source` and `Sink`
- `kind`: what a kind of source is to the server; `kinds/`: one file for each; `sources`: which one a request or a session means
- `relay`: the small program that stands between a pipe and its spool; runs on its own, imports nothing of ours; `relay_link`: the
  server's end of it
- `spool`: reading what relays write; `inotify`: one descriptor that tells of all spools; `pump`: from spool to sink
- `processes`: who is who in a process tree, and ending it
- `command`: a program in pipes
- `tmux/`: terminals in a private tmux server (`terminal`, `private`), panes of the user's own (`adopted`, `discovery`), and what
  they share
- `screen/`: windows of the user's own GNU screen sessions, and programs that screen holds for us
"""
