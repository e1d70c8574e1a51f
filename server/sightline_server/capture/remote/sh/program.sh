# sh program.sh DIR ID terminal|closed|open [clear]: runs the program of DIR/spec, which goes in the same moment, and writes down how it
# ended. In a terminal it stays afterwards, so that tmux reads on until the marker behind the program's last byte has come through.
# In pipes each output goes to a spool of its own; `open`: its stdin is what `sl_type` of the held shell leaves in DIR.
if [ "$4" ]; then
  exec env -i ${TMUX:+TERM="$TERM" TMUX="$TMUX" TMUX_PANE="$TMUX_PANE"} PATH="$PATH" sh "$0" "$1" "$2" "$3"
fi
umask 077
set -f
sl_dir=$1 sl_id=$2 sl_mode=$3 sl_feeder=
cd "$sl_dir" || exit 1
trap : INT QUIT TERM
[ "$sl_mode" = terminal ] || trap : HUP
exec 3>&2 2>/dev/null

sl_failed() {
  echo "error $1" >"$sl_dir/exit"
  [ -z "$sl_feeder" ] || kill "$sl_feeder"
  exit 1
}

sl_found() {
  case $1 in
  */*) [ -f "$1" ] && [ -x "$1" ] && return ;;
  *)
    IFS=:
    for sl_place in $PATH; do
      [ -f "${sl_place:-.}/$1" ] && [ -x "${sl_place:-.}/$1" ] && unset IFS && return
    done
    unset IFS
    ;;
  esac
  return 1
}

sl_wait_for() {
  sl_tries=0
  until [ -s "$1" ]; do
    sl_tries=$((sl_tries + 1))
    [ "$sl_tries" -lt 1000 ] || sl_failed spool
    sleep 0.01
  done
}

sl_feed() {
  trap '' HUP INT QUIT
  while read -r sl_number; do
    [ "$sl_number" = eof ] && break
    cat "in.$sl_number" || { : >deaf; break; }
    rm -f "in.$sl_number"
  done
}

case $sl_mode in
terminal)
  sl_wait_for terminal.writer
  ;;
*)
  mkfifo out err || sl_failed spool
  exec 5<>out 6<>err # so that opening one end waits for nobody at the other
  sh spool.sh . stdout "wait 4" "$sl_id" <out 3>&- 5>&- 6>&- &
  sh spool.sh . stderr "wait 4" "$sl_id" <err 3>&- 5>&- 6>&- &
  sl_wait_for stdout.writer
  sl_wait_for stderr.writer
  exec 7>out 8>err 5>&- 6>&- # held to the program's end; who reads is not held, so that a program hears of a reader that is gone
  rm -f out err
  if [ "$sl_mode" = open ]; then
    mkfifo in orders || sl_failed spool
    exec 4<>orders
    sl_feed <orders >in 3>&- 4>&- 7>&- 8>&- &
    sl_feeder=$!
  fi
  ;;
esac

# Found by the host's PATH, not by the program's. Each program runs in a shell of its own, which has the program's outputs: what a
# shell itself has to say of a killed program goes nowhere.
sl_env=$(command -v env) sl_sleep=$(command -v sleep)

. ./spec || exit 1 # removes itself, sets the variables, goes to the directory, and makes the program our arguments
sl_found "$1" || sl_failed program
echo "$$" >"$sl_dir/program"

if [ "$sl_mode" = terminal ]; then
  # When the terminal is closed, the kernel tells us alone. We go, and then it tells the program; whoever waits for it stays.
  (
    trap : HUP INT QUIT TERM
    (exec "$sl_env" -- "$@" 2>&3 3>&-)
    echo "code $?" >"$sl_dir/exit"
    printf '\033]5379;%s\007' "$sl_id" >&3
  )
  trap - INT QUIT TERM
  exec "$sl_sleep" 2147483647
elif [ "$sl_mode" = open ]; then
  (exec "$sl_env" -- "$@" <"$sl_dir/in" >&7 2>&8 3>&- 4>&- 7>&- 8>&-)
  echo "code $?" >"$sl_dir/exit"
  kill "$sl_feeder"
else
  (exec "$sl_env" -- "$@" </dev/null >&7 2>&8 3>&- 7>&- 8>&-)
  echo "code $?" >"$sl_dir/exit"
fi
