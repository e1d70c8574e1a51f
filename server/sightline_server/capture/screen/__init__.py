"""GNU screen: windows of the user's own sessions, adopted, and programs that screen holds for us.

- `client`: the `screen` program: which sessions there are, commands, and when a session has done them
- `windows`: a session's windows and what /proc tells of them; `discovery`: which one a request means, and what could be adopted
- `hand`: typing, the echo, the picture: what can be done with a window
- `log`: a session's own log as a spool of numbered files; `settings`: what it was set to before
- `adopted`: a window that is followed by its log; `recorded`: one in which `script` writes a typescript; `held`: a pair of our own
"""
