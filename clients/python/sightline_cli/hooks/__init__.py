"""What an agent's hooks tell, on its way to the session that the agent runs in.

intake      the hook itself: takes the payload, leaves it in the queue, and is gone
queue       the queue: a file, and a pipe that wakes whoever reads it
forwarding  a process of its own that publishes what is in the queue, and ends when nothing comes
deciding    which of an agent's hooks a session wants: what it is not told in another way
settings    puts the hook into the agent's settings, and takes it out

`intake` and `queue` run within the agent's turn: they import nothing but what Python has loaded anyway.
"""
