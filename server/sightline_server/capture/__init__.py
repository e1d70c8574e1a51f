"""Capture: what a source is to a session, and one file for each kind of source.

- `base`: the two sides of the contract, `Source` and `Sink`; `sources`: from a request to a source
- `relay`: the small program that stands between a pipe and its spool; runs on its own, imports nothing of ours; `relay_link`: the
  server's end of it
- `spool`: reading what relays write; `inotify`: one descriptor that tells of all spools; `pump`: from spool to sink
- `processes`: who is who in a process tree, and ending it
- `command`: a program in pipes
- `tmux_terminal`: terminals in a private tmux server; `tmux_adopted`: panes of the user's own; `tmux_source`: what both have in
  common; `tmux`: where to import them from
- `tmux_pane`: typing and looking; `tmux_keys`, `tmux_screen`: keys and screens as bytes; `tmux_pipe`: `pipe-pane` into a relay;
  `tmux_tail`: following a pane whose pipe is somebody else's
- `tmux_server`, `tmux_private`: tmux servers and the held client; `tmux_control`, `tmux_protocol`: control mode; `tmux_discovery`:
  which panes there are
"""
