"""Recordings in files: what others write and read, made from events and into events. Sans-I/O: bytes in, bytes out.

Knows the event vocabulary (`sightline.v1`) and nothing of files, servers, terminals or arguments. Everything streams: a recording
of a gigabyte passes through in constant memory, and is never whole in it.

recording   what every format shares: the head, the reader's result, times, the words for what goes wrong
pieces      bytes that come in pieces: by line, by count, to the end
asciicast   asciicast v2 and v3, as asciinema writes them
typescript  what `script` writes, with its timing, classic and advanced
jsonl       one event a line, as canonical JSON: everything that a log holds
plain       text and nothing else
formats     which format a file has, by its name or its first bytes
"""
