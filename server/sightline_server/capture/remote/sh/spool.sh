# sh spool.sh DIR CHANNEL FULL ID: moves stdin to segment files DIR/CHANNEL.0 and on, each of 16 MiB, at once and without end.
# The reader removes what it has taken. FULL says what to do while as many segments as may be lie unread, or the disk is nearly
# full: `wait N`, or `drop N` and note what was lost. The end of stdin is the session's marker at the end of the last segment.
umask 077
trap '' INT HUP QUIT
trap discard USR1
segment=16777216 # bytes
reserve=262144   # KiB of the disk that are left alone
name=$2 mode=${3% *} most=${3#* } id=$4 k=0
cd "$1" || exit 1
exec 3<&0
full() {
  [ "$k" -ge "$most" ] && [ -e "$name.$((k - most))" ] && return 0
  set -- $(df -Pk . | tail -n 1)
  [ "${4:-$reserve}" -lt "$reserve" ]
}
for file in "$name".[0-9]*; do
  [ -e "$file" ] && [ "${file##*.}" -gt "$k" ] && k=${file##*.}
done
began=
[ -r /proc/self/stat ] && read -r line <"/proc/$$/stat" && set -- ${line##*") "} "$@" && began=${20}
[ "$began" ] || began=$(set -- $(ps -o lstart= -p $$); echo "$1-$2-$3-$4-$5")

# Nobody reads this any more: what still comes goes nowhere.
discard() {
  trap '' USR1
  kill "$copying"
  exec cat <&3 >/dev/null
}

# What was read and could not be written is gone; how much that was, nobody says.
failed() {
  echo "$((k * segment + have)) 0 $(date +%s) $(date +%s)" >>"$name.lost" || :
  while full; do sleep 0.5; done
}

dropped() {
  lost=0 since=$(date +%s)
  while full; do
    set -- $({ timeout -s INT 1 dd bs=65536 <&3; echo "status $?" >&2; } 2>&1 >/dev/null | tail -n 2)
    lost=$((lost + $1))
    for word; do :; done
    [ "$word" = 0 ] && break # the end of stdin
  done
  echo "$((k * segment)) $lost $since $(date +%s)" >>"$name.lost"
}

while :; do
  : >>"$name.$k"
  have=$(($(wc -c <"$name.$k")))
  stdbuf -o0 head -c "$((segment - have))" <&3 >>"$name.$k" 2>/dev/null & # dd counts a short read as a block
  copying=$!
  echo "$copying" >"$name.copier"
  [ "$began" ] && echo "$$ $began" >"$name.writer" && began= # it is up once its copier is
  if wait "$copying"; then # a signal ends this, and not a program in the foreground
    have=$(($(wc -c <"$name.$k")))
    [ "$have" -lt "$segment" ] && break
    k=$((k + 1))
    case $mode in
    wait) while full; do sleep 0.05; done ;;
    *) full && dropped ;;
    esac
  else
    have=$(($(wc -c <"$name.$k")))
    failed
  fi
done
printf '\033]5379;%s\007' "$id" >>"$name.$k"
