"""What `scripts/bench` measures, one module a subject; all of them against real servers, real commands and real peers.

What they are built of:

- `figures`: a row of the table, its goal, and whether it is met
- `run`: how much is measured, and what is said meanwhile
- `server`: a Sightline server in a process of its own
- `processes`: what the kernel says of a process: memory, processor time
- `readers`: subscribers in processes of their own
- `sockets`: a WebSocket reader of the bridge in a process of its own
- `sources`: floods, gates and clocks: what the measured commands do
- `peers`: terminado and ttyd with their WebSocket viewers, the bare pipe, the bare pty, `pipe-pane`, bare gRPC
- `stored`: writes a home with a long history
- `page`, `plot`, `methods`: docs/performance.md, its pictures, its words

What they measure:

- `resting`: start, idle memory
- `latency`: a line written to its event received
- `output`: floods to 1, 10 and 100 subscribers, beside the peers
- `pane`: the same from a tmux pane
- `typescript`: a line that `script` records to its event received
- `subscribers`: a thousand followers of one session
- `sessions`: a thousand sessions, one follower of all
- `replay`: reading a history, and resuming in the middle of it
- `search`: a long history into the index, and answers from it
- `text`: coloured output as text
- `start`: a server with a large store
- `stalled`: subscribers that never read
- `bridge`: a WebSocket reader, idle sockets, what the bridge adds to a line's way
- `clients`: those of other languages: throughput, and how soon they go on
- `browser`: the dashboard in Chromium: first load, pixels, frames, long logs
"""
