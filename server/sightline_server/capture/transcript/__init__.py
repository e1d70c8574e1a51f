"""Agents that run already: the transcripts that they write themselves, found, followed and decoded into typed events.

- `places`: where each family keeps its transcripts, by its configuration directory; knows paths and first lines
- `agents`: which agents run now, from `/proc`
- `finding`: which transcript a process, a directory or a file means
- `reader`: a transcript's bytes into events, from a committed byte
- `notes`: what a session remembers of the transcripts that it follows
- `subagents`: the files of an agent's subagents, and whose they are
- `following`: all transcripts of one agent: the first, those after it, those of its subagents
- `watch`: one agent's process: which transcript it writes now, and whether it is there at all
- `source`: a session that follows transcripts alone
- `pane`: a session that has a terminal too
- `opencode`: a session that follows opencode through its server; `http`: as much of HTTP as that takes
"""
