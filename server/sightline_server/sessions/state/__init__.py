"""What a session is doing, from everything that can be seen of it.

- `observation`: one statement about the state and who makes it; what a judge of screens is given
- `judge`: the statements of all, weighed: the state. Pure, with the time as an argument
- `events`, `marks`, `process`: typed events, a terminal's marks and titles, processes, each as statements. Pure
- `observer`: all of these as one, and when to look again. Pure, with the time as an argument
- `watch`: that with a clock, a source and a log: the looks themselves
- `screen`, `rules/`: what screens say, by agent and version
"""
