# Functions of the held shell on a host. It reads this, and then commands, from its stdin; all that it starts ends with a short answer.
umask 077
set -f
unset SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK TMUX TMUX_PANE SIGHTLINE_SESSION_ID
PATH=$PATH:/usr/local/bin:/opt/homebrew/bin:$HOME/.local/bin # where tmux is on hosts whose logins alone know it
cd /

# What this host is: where our things may lie, its tmux, and which tools it has.
sl_hello() {
  echo "${XDG_STATE_HOME:-$HOME/.local/state}/sightline/remote"
  echo "$HOME"
  echo "${TMUX_TMPDIR:-/tmp}/tmux-$(id -u)"
  command -v tmux >/dev/null && tmux -V || echo none
  for sl_tool in tail wc df dd date mkfifo timeout env grep stty; do
    command -v "$sl_tool" >/dev/null && printf '%s ' "$sl_tool"
  done
  printf x | stdbuf -o0 head -c 1 2>/dev/null | grep -q x && printf 'stdbuf '
  setsid -f true 2>/dev/null && printf 'setsid '
  [ -r /proc/self/environ ] && printf 'proc '
  echo
}

sl_tmux() { timeout 5 tmux -u "$@"; }

# A process for good, its pid and when it began; nothing when it is gone.
sl_who() {
  sl_line=
  if [ -r /proc/self/stat ]; then
    { read -r sl_line <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- "$1" ${sl_line##*") "}
    [ "$2" != Z ] && echo "$1 ${21}"
  else
    sl_line=$(ps -o lstart= -p "$1") && [ "$sl_line" ] && set -- "$1" $sl_line && shift && echo "$1-$2-$3-$4-$5"
  fi
}

# Whether the process that a file names still runs.
sl_lives() { { read -r sl_pid sl_start <"$1"; } 2>/dev/null && [ "$(sl_who "$sl_pid")" = "$sl_pid $sl_start" ]; }

# Ends the copier that a killed writer has left behind, and says whether there was one.
sl_orphan() {
  { read -r sl_pid <"$1" && read -r sl_name <"/proc/$sl_pid/comm"; } 2>/dev/null || return 0
  case $sl_name in head | stdbuf) kill "$sl_pid" && echo ended ;; esac
}

# Removes a session's directory, and those above it that are ours and empty. A writer that is just ending may put a file there meanwhile.
sl_forget() {
  rm -rf -- "$1" 2>/dev/null || { sleep 0.2; rm -rf -- "$1"; }
  rmdir -- "${1%/*}" "${1%/*/*}" 2>/dev/null
  return 0
}

# Segments of a spool that were read: those before a number.
sl_drop() {
  set +f
  for sl_file in "$1/$2".[0-9]*; do
    [ -e "$sl_file" ] && [ "${sl_file##*.}" -lt "$3" ] && rm -f -- "$sl_file"
  done
  set -f
}

# How many bytes a spool has had: the number of its newest segment, and that one's size.
sl_size() {
  sl_newest=0
  set +f
  for sl_file in "$1/$2".[0-9]*; do
    [ -e "$sl_file" ] && [ "${sl_file##*.}" -gt "$sl_newest" ] && sl_newest=${sl_file##*.}
  done
  set -f
  sl_bytes=$({ wc -c <"$1/$2.$sl_newest"; } 2>/dev/null) # all that was written is read, and there may be no segment for a moment
  echo "$sl_newest" ${sl_bytes:-0}
}

# The processes that carry a session's mark.
sl_marked() {
  set +f
  grep -lsF "SIGHTLINE_SESSION_ID=$1" /proc/[0-9]*/environ
  set -f
}

# Signals them, and says how many there are. The shell that answers is never one of them.
sl_signal() {
  sl_count=0
  for sl_file in $(sl_marked "$1"); do
    sl_pid=${sl_file#/proc/}
    sl_pid=${sl_pid%/environ}
    sl_who "$sl_pid" >/dev/null || continue
    sl_count=$((sl_count + 1))
    [ "$2" = 0 ] || { kill -"$2" "$sl_pid"; kill -CONT "$sl_pid"; } 2>/dev/null
  done
  echo "$sl_count"
}

# What is new about a session: it has ended, or the process that fills its spool has gone.
sl_news() {
  for sl_dir; do
    [ -s "$sl_dir/exit" ] && echo "${sl_dir##*/} exit"
    set +f
    for sl_file in "$sl_dir"/*.writer; do
      [ -e "$sl_file" ] && { sl_lives "$sl_file" || echo "${sl_dir##*/} gone ${sl_file##*/}"; }
    done
    set -f
  done
  return 0
}

# Leaves what `sl_data` prints for a program's stdin, and its end. Says why not: `full`, or words for people.
sl_type() {
  if [ ! -p "$1/orders" ]; then
    echo 'it was started without an open stdin'
  elif [ -e "$1/eof" ]; then
    echo 'its stdin was closed by an earlier `eof`'
  elif [ -e "$1/deaf" ] || [ -s "$1/exit" ]; then
    echo 'the program has closed its stdin'
  else
    sl_number=$(cat "$1/typed" 2>/dev/null || echo 0)
    if [ -e "$1/in.$((sl_number - $2))" ]; then
      echo full
      return 0
    fi
    if [ "$3" ]; then
      sl_data >"$1/in.$sl_number" && echo "$((sl_number + 1))" >"$1/typed" && echo "$sl_number" 1<>"$1/orders"
    fi
    if [ "$4" ]; then
      : >"$1/eof"
      echo eof 1<>"$1/orders"
    fi
  fi
}

# Whoever still writes into a session's pipes writes to nobody from now on, and is not stopped by that.
sl_discard() {
  for sl_channel in stdout stderr; do
    sl_lives "$1/$sl_channel.writer" && kill -USR1 "$sl_pid"
  done
  return 0
}

# Signals a process, what descends from it and what shares its session; says how many there are.
sl_signal_session() {
  sl_count=0
  sl_found=" $1 "
  sl_more=yes
  while [ "$sl_more" ]; do
    sl_more=
    set +f
    for sl_file in /proc/[0-9]*/stat; do
      sl_pid=${sl_file#/proc/}
      sl_pid=${sl_pid%/stat}
      { read -r sl_line <"$sl_file"; } 2>/dev/null || continue
      sl_line=${sl_line##*") "}
      sl_state=${sl_line%% *}
      sl_line=${sl_line#* }
      sl_parent=${sl_line%% *}
      sl_line=${sl_line#* * }
      [ "$sl_state" = Z ] && continue
      case $sl_found in
      *" $sl_pid "*) ;;
      *" $sl_parent "*) sl_found="$sl_found$sl_pid " sl_more=yes ;;
      *) [ "${sl_line%% *}" = "$1" ] && sl_found="$sl_found$sl_pid " sl_more=yes ;;
      esac
    done
    set -f
  done
  for sl_pid in $sl_found; do
    sl_who "$sl_pid" >/dev/null || continue
    sl_count=$((sl_count + 1))
    [ "$2" = 0 ] || { kill -"$2" "$sl_pid"; kill -CONT "$sl_pid"; } 2>/dev/null
  done
  echo "$sl_count"
}

# Which file has a path now, and how long it is; nothing when there is none.
sl_file() {
  [ -f "$1" ] && [ -r "$1" ] || return 0
  echo "$(set -- $(ls -di -- "$1") && echo "$1") $(wc -c <"$1")"
}
