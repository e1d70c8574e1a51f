"""Sessions: which there are, their lives and states.

- `lifecycle`: which state may follow which, and what an ending means
- `session`: one session: its record, its log, its source
- `registry`: all of them: names, request ids, create, find, list, delete, restart
- `notify`, `messengers`: telling the user that somebody is waited for, or that it has ended
- `names`: what a session may be called
"""
