"""How each subject is measured, in the words of docs/performance.md: subject, title, text."""

from __future__ import annotations

from collections.abc import Mapping

METHODS: Mapping[str, tuple[str, str]] = {
    "resting": (
        "A server at rest",
        """
From `exec` of the server in an empty home until its health service says SERVING; the resident memory of a server with idle
commands, each followed by one stream.
""",
    ),
    "latency": (
        "Latency",
        """
A program writes the time (CLOCK_MONOTONIC) a hundred times a second; a subscriber in a process of its own decodes the event and
looks at the same clock. Beside it a bare gRPC stream over a Unix socket that carries nothing else, and terminado with one
WebSocket viewer.
""",
    ),
    "output": (
        "Output",
        """
`cat` of a file of build-log lines waits at a FIFO until every subscriber is caught up. The rate is bytes of program output
times subscribers, from the FIFO's opening to the last subscriber's `end`; every subscriber must have got exactly the log's
bytes. Each has a connection of its own; they run in as many processes as there are processors. terminado runs in a tornado
server with one shared terminal, its viewers are tornado WebSocket clients spread over as many processes, each must see every
line. ttyd starts a program for each viewer. The peers get a quarter of the bytes, since they take minutes otherwise and are not
faster with more. Readers on neither side decode what they get. Compared ones run in turn, round by round, and ratios are taken
within a round.
""",
    ),
    "pane": (
        "Terminals",
        """
The same in a tmux pane, beside a pane of a tmux server that does nothing but `pipe-pane` to a file.
""",
    ),
    "typescript": (
        "Typescripts",
        """
The same program as for latency, run by `script -f` into a file that is adopted: its terminal, `script` itself and the file are on
the way.
""",
    ),
    "subscribers": (
        "Many subscribers",
        """
Each on a connection of its own, two processes of readers, which share the processors with the server. Every one must get every
line once. Memory is the growth of the server's resident memory divided by the subscribers: when all are caught up, and after
the last line.
""",
    ),
    "sessions": (
        "Many sessions",
        """
Each session is a real `cat` of a FIFO; one program writes the time into each FIFO once a second, at moments spread evenly.
Processor time is the kernel's count for the server's process. Each session has a relay, a small process that outlives the
server: what these take together stands beside it.
""",
    ),
    "replay": (
        "Histories",
        """
A new subscriber reads an ended session from the oldest event to the end; the time is from its request on an open connection to
the stream's `end`, the files are in the page cache. Large events come from a real flood. Small ones are written into the store
one by one, as lines that come one by one are, then the server has the time to compact them; the reader keeps what comes and
counts the events when the clock has stopped, and they must be all. Resuming: `after` a random cursor on an open connection,
until the first event is decoded.
""",
    ),
    "search": (
        "Search",
        """
A history of 200 ended sessions, lines as builds and servers write them (few words often, many seldom, paths, ids, colours), is
written into the store; the server indexes it from nothing. Processor time is the kernel's count for the server's process, its
rests left out. Ten queries, from a word in every fifth line to one that is nowhere, a phrase, the beginning of thousands of
words, and signs that no line holds: from the request to the first page of 50. Cold: the index is taken out of the page cache
and the server started anew for each.
""",
    ),
    "text": (
        "Output as text",
        """
Output as cargo, make and gcc, pytest and npm write it to a terminal, made anew for each run from the same lines, in pieces of 64
KiB through the decoder of the text view alone; processor time of this process. The rows below are one kind of output each, then
what is made to be slow. At last a session of such output is read from the store by one subscriber, with the text view and as it was
written; the time is the clock's, with the client's decoding of the events in it.
""",
    ),
    "start": (
        "Start with a large store",
        """
The store is written before by its own code. From `exec` to SERVING, after a clean stop and after `kill -9`.
""",
    ),
    "stalled": (
        "Subscribers that never read",
        """
They read until they are caught up and then no more, each on a connection of its own, while a program writes 100 MB/s. The
memory is the server's at its largest, less what it was before the flood. In another session a program writes the time a hundred
times a second for another subscriber; its p99 is compared with two floods without the stalled ones, one before and one behind.
In the end one of the stalled ones reads on, and must get exactly the log's bytes.
""",
    ),
    "bridge": (
        "The bridge",
        """
`sightline bridge` in a process of its own beside its server, one WebSocket client in another. Throughput: a session's log that is
there already, from the request to the end of the call; the reader counts bytes and decodes nothing. Idle sockets: each with one
subscription that is caught up, the growth of the bridge's resident memory divided by them. Latency: the same lines as above go to
a gRPC client and to a socket at once, both in processes of their own; what is added is the difference for each line.
""",
    ),
    "browser": (
        "The dashboard",
        """
Debian's Chromium without a screen, before a real server and bridge. First load: an empty cache, from the address with its ticket
to a list that can be used; bytes as they were sent, compressed. Pixels: a program writes the time fifty times a second, and the
page compares it with its clock when the frame that shows it has been drawn, so that capture and commit are in it. Tasks are those
of the page's main thread: the longest by processor time, from the browser's own trace, since by the clock other programs of a busy
machine are in it. The long activity is made of messages; it is opened at its end and scrolled up by the wheel.
""",
    ),
    "clients": (
        "Clients of other languages",
        """
Each client's harness (`tests/conformance/clients`) in a process of its own, before the same server. Throughput: a log that is there
already, read to its end and counted, in rounds that take turns; the median. Resuming: the server is killed, is away for a third of
a second, and from the moment it serves again it counts until the client has said the next line. A quick run builds no client.
""",
    ),
}
