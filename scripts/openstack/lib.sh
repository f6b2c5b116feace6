# Sourced by up and down: processes of one OpenStack, each recorded in DIR/pids as "PID START-TIME NAME" in the order of their start.

die() { echo "openstack: $*" >&2; exit 1; }
said_at=$(date +%s)
say() { echo "openstack: $* (after $(($(date +%s) - said_at)) s)" >&2; }

# fields_from_state PID: fields 3 and on of /proc/PID/stat, the state first; the start time is the 20th of them.
fields_from_state() { local stat; stat=$(cat "/proc/$1/stat" 2>/dev/null) && echo "${stat##*) }"; }

# start NAME COMMAND...: in a session of its own, so that it ends with all its workers by one group id.
start() {
  local name=$1 pid fields; shift
  setsid "$@" </dev/null >"$DIR/log/$name.out" 2>&1 &
  pid=$!
  fields=$(fields_from_state "$pid") || die "$name did not start"
  # shellcheck disable=SC2086
  set -- $fields
  echo "$pid ${20} $name" >>"$DIR/pids"
}

# all_run: none of the processes has ended. One that has is a zombie until this script ends.
all_run() {
  local pid name fields
  while read -r pid _ name; do
    fields=$(fields_from_state "$pid") && [[ $fields != Z* ]] || die "$name ended: see $DIR/log/$name.out"
  done <"$DIR/pids"
}

# await SECONDS WHAT COMMAND...
await() {
  local tries=$(($1 * 4)) what=$2 try; shift 2
  for ((try = 0; try < tries; try++)); do
    "$@" >/dev/null 2>&1 && return 0
    all_run
    sleep 0.25
  done
  die "$what did not come up in time: see $DIR/log"
}

# group_lives PID START-TIME: something is left of the group that the recorded process leads. While a group of that number exists the
# number is given to nobody else, so a leader that is gone is no doubt; a leader of another start time is a stranger.
group_lives() {
  local group=$1 started=$2 fields
  if fields=$(fields_from_state "$group"); then
    # shellcheck disable=SC2086
    set -- $fields
    [ "${20}" = "$started" ] || return 1
  fi
  awk -v group="$group" '{ sub(/^.*\) /, "") } $1 != "Z" && $3 == group { found = 1 } END { exit !found }' < <(cat /proc/[0-9]*/stat 2>/dev/null)
}

# stop_groups SECONDS: TERM to the groups named on stdin, then KILL to what is left.
stop_groups() {
  local lines line pid started name try
  mapfile -t lines
  local signal=TERM
  for ((try = 0; try <= $1 * 4; try++)); do
    local left=()
    for line in "${lines[@]}"; do
      read -r pid started name <<<"$line"
      if group_lives "$pid" "$started"; then left+=("$line"); fi
    done
    [ ${#left[@]} -gt 0 ] || return 0
    lines=("${left[@]}")
    if [ "$try" -eq $(($1 * 4)) ]; then signal=KILL; fi
    if [ "$try" -eq 0 ] || [ $signal = KILL ]; then
      for line in "${lines[@]}"; do
        read -r pid _ name <<<"$line"
        [ $signal = TERM ] || echo "openstack: $name had to be killed" >&2
        kill -$signal -- "-$pid" 2>/dev/null || :
      done
    fi
    sleep 0.25
  done
}
