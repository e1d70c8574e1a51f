"""The WebSocket bridge: browsers and scripts reach the service through it. An ordinary client, which never imports the server.

app         the composition root: routes, start, end
settings    what it is told, once, at the start
doors       which Host and Origin may come in; pure
passes      tickets and tokens; pure but for a clock and the token's file
admission   a request or a socket shows its token
calls       the service's calls by the names of the contract
frames      the two forms of a frame, binary and JSON
wire        one WebSocket: room, signs of life, an end
socket      one client of our own protocols: many calls at once, each with its credit
pages       the dashboard's files, and what a browser may do with them
unread      what is logged of requests, and what is not
metrics     what Prometheus reads
limits      numbers, with their units
errors      what is refused, and why
dialects/   what clients of earlier designs speak, one module each
"""
