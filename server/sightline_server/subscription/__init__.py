"""Subscriptions: who follows what, from where, filtered and paced how. Knows no gRPC: takes a request, gives encoded responses.

- `asked`: what a request may not ask
- `directory`: what is needed of sessions and of where they are kept
- `filter`: which entries pass, by the index alone
- `position`: one subscriber's place in one log, and reading on from there
- `start`: from a request's start to a position
- `merging`: neighbours that can be one event without losing anything
- `pacing`: how fast events may come, and what is left out when they may not come later
- `place`: where one subscriber is in one session, and what it was told about it
- `text`: output as text, event by event
- `text_place`: one session of a subscriber that wants text
- `echo`: the terminal's echo of what was typed
- `heartbeats`: how far a stream is
- `responses`: signs, and events of several sessions that go together
- `subscription`: one subscriber over one, several or all sessions; its signs and its end
- `pages`: the same events by page
"""
