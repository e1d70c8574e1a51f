"""Search: the words of all logs in an index of its own, kept up in the background; nothing else waits for it or depends on it.

- `words`: what a word is, what a query means, where a line holds it
- `plain`: program output without escape codes, as lines
- `lines`: the lines that a log's events hold
- `index`: the database of the index: what one transaction adds or removes, and looking up
- `indexer`: the thread that keeps it up: what is next, how much, how politely
- `find`: the places that a query means, newest first, within a bounded time
- `search`: one call of `Search`
"""
