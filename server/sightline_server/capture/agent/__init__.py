"""Agents that Sightline runs: their lines become typed events, their stdin takes turns and answers, their whole tree ends.

Knows programs, decoders and the sources that hold a program, nothing of logs or gRPC.

- `programs`: how each agent is started so that it tells in lines what it does
- `source`: a program of any kind with an agent in it: what callers ask of it
- `sink`: between that program and the session: stdout is decoded, stderr is looked at, the end is told in the agent's words
- `account`: what an agent has said so far: its decoder, and what depends on the same bytes
- `journal`: the account over restarts: what was committed is known again, exactly
- `two_way`: the messages of an agent that reads while it works
- `marks`: what was asked of it, over restarts
- `given`: what its stdin is to begin with, until it has it
- `stderr`: what agents say beside their stream
"""
