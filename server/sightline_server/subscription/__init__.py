"""Subscriptions: who follows what, from where, filtered how. Knows no gRPC: it takes a request and gives encoded responses.

- `filter`: which entries pass, by the index alone
- `position`: one subscriber's place in one log, and reading on from there
- `start`: from a request's start to a position
- `subscription`: one subscriber over one, several or all sessions; its signs and its end
- `pages`: the same events by page
"""
