# A reader of spools on a host: follows one file at a time, from any byte. It ends with its stdin, and leaves nothing behind.
umask 077
cd /
sl_tail=
sl_stop() { [ -z "$sl_tail" ] || { kill "$sl_tail"; wait "$sl_tail"; } 2>/dev/null; sl_tail=; }
trap sl_stop EXIT
trap 'exit 1' HUP TERM

# sl_go TOKEN FILE OFFSET LOSSES: says the token and how long the list of losses is, then what the file has from the offset on.
# A segment is begun after what was lost before it was noted, so that the length said here covers that.
sl_go() {
  sl_stop
  (
    until [ -e "$2" ]; do sleep 0.02; done
    printf '\n%s %s\n' "$1" "$(($(wc -c <"$4" || echo 0)))"
    exec tail -c "+$(($3 + 1))" -f -- "$2"
  ) </dev/null 2>/dev/null &
  sl_tail=$!
}

# sl_follow TOKEN FILE OFFSET: the same for a file of somebody else's. What tail says about it comes where it happened.
sl_follow() {
  sl_stop
  (
    printf '\n%s 0\n' "$1"
    exec env LC_ALL=C tail -c "+$(($3 + 1))" -f -- "$2" 2>&1
  ) </dev/null &
  sl_tail=$!
}
