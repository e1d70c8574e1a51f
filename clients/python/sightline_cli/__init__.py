"""The command line `sightline`: thin, on the public client.

main        the entry: finds the command, runs it, turns what goes wrong into one line and an exit code
command     what a command is, and the kinds of arguments that several share
codes       exit codes
people      ages, sizes, tables and colours, for people
reach       the way to a server: the one that runs, or one in this process
intake      reading standard input without stopping everything else
outlet      writing to standard output without stopping everything else
lines       bytes of several writers made into prefixed lines
words       one event in one line, for people
printing    what a stream of events looks like: bytes, prefixed lines, JSON
queries     takes a terminal's questions out of output that is shown again
run         run, create
watch       watch
steer       send, interrupt, resize, snapshot
sessions    ls, show, wait, stop, rm
adopt       adopt, release
attach      attach: a person's terminal on a session
terminal    the person's own terminal: raw mode, size, restoring it
typist      gathers what is typed while one send is on its way
serve       serve
doctor      doctor, with its checks in `checks`
completion  completion
"""
