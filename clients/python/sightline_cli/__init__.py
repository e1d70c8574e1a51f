"""The command line `sightline`: thin, on the public client.

entry       the console script: `main`, or the hook
main        finds the command, runs it, turns what goes wrong into one line and an exit code
command     what a command is, and the kinds of arguments that several share
codes       exit codes

run         run, create; `foreground` is what `run` does then, `agents` and `recipe` are some of its options
watch       watch
attach      attach; `attached` is the terminal at work
steer       send, interrupt, resize, snapshot
answer      answer
sessions    ls, show
endings     stop, rm
waiting     wait, explain
adopt       adopt, release
replay      replay; `replaying` is it at work, `playing` the time it takes
export      export; `saving` makes files that appear whole
import_     import; `reading` opens recordings
up          up; `lifeline` is between it and its bridge
serve       serve
bridge      bridge; `whereabouts` is where it is
open_       open
doctor      doctor; `checks` and `checks_web` look, `cleaning` removes
completion  completion
hook        hook; `hooks` is what happens then

recordings  the formats of recordings: asciicast, typescript, JSON lines, text
meter       how far long work is, on one line of a terminal
staying     for a program that stays in the foreground
reach       the way to a server: the one that runs, or one in this process
follow      the loop that shows a subscription to its end
printing    what a stream of events looks like: bytes, prefixed lines, JSON
lines       bytes of several writers made into prefixed lines
words       one event in one line, for people
talk        an agent's session for people
people      ages, sizes, tables and colours, for people
intake      reading standard input without stopping everything else
outlet      writing to standard output without stopping everything else
terminal    the person's own terminal: raw mode, size, the key that leaves
typist      gathers what is typed while one send is on its way
queries     takes a terminal's questions out of output that is shown again
modes       remembers what was switched in a terminal, to switch it back
"""
