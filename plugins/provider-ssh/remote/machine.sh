# What the driver ssh does on a machine. Assignments stand before it, and the name of one action is its last line, so that of
# text that was cut on its way nothing is run:
#
#   scope     system: the whole machine, as root; home: below the home of the user who logs in
#   cluster host key          whose reservation it is
#   tags      lines NAME=VALUE
#   payload   the script that installs the agent
#   options   words for it, one a line
#   worker    this file, with the action `work` as its last line
#
# A reservation is one directory, the mark. It appears at once, by a rename, with all that a later call needs to go on; whoever
# installs or takes away holds a lock on it. Installing is done by a process of its own: it goes on when the connection is cut.
#
#   owner tags created        CLUSTER HOST KEY; the tags; seconds since 1970
#   install.sh options machine.sh
#   log worker                what the installation says; process that installs
#   installed releasing       there: the agent runs; it is being taken away
#
# The answer is lines of a name and a value.
# shellcheck shell=sh disable=SC2154 # the assignments stand before this file
set -eu
umask 077
export PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

case $scope in
  system) mark=/var/lib/wombat-host prefix='' ;;
  *) mark=${HOME:?}/.wombat-host prefix=$HOME/.wombat-agent ;;
esac
program=$prefix/opt/wombat-agent

# ------------------------------------------------------------------------------------------------------- what is there

look() {
  usable || return 0
  sweep
  if ours && [ ! -e "$mark/releasing" ]; then
    if [ -e "$mark/installed" ]; then revive
    elif is_idle; then start
    fi
  fi
  tell
}

# Below a home nobody else starts the agent after a reboot. It changes nothing where it runs.
revive() {
  service=$program/bin/wombat-agent-service
  if [ "$scope" = home ] && [ -x "$service" ]; then (umask 022 && "$service" start "$program" "$(id -un)") </dev/null >/dev/null 2>&1 || true; fi
}

# Says why not, where it cannot be used.
usable() {
  if [ "$(uname -s)" != Linux ]; then echo "refused it runs $(uname -s), and the agent needs Linux"
  elif [ "$scope" = system ] && [ "$(id -u)" != 0 ]; then echo "refused $(id -un) is not root there: set sudo, or the scope home"
  else
    for tool in flock setsid; do
      command -v "$tool" >/dev/null 2>&1 || { echo "refused it has no $tool (util-linux)"; return 1; }
    done
    return 0
  fi
  return 1
}

tell() {
  if marked=$(cat "$mark/owner" 2>/dev/null); then
    if [ -e "$mark/releasing" ]; then echo 'state releasing'
    elif [ -e "$mark/installed" ]; then echo 'state installed'
    else echo 'state installing'
    fi
    echo "owner $marked"
    echo "created $(cat "$mark/created" 2>/dev/null)"
    sed 's/^/tag /' "$mark/tags" 2>/dev/null || true
  elif [ -e "$program" ]; then echo 'state foreign'
  else echo 'state free'
  fi
}

log() { tail -c 65536 "$mark/log" 2>/dev/null || true; }

ours() { case $(cat "$mark/owner" 2>/dev/null) in "$cluster "*) ;; *) return 1 ;; esac; }
of_host() { case $(cat "$mark/owner" 2>/dev/null) in "$cluster $host "*) ;; *) return 1 ;; esac; }
of_key() { [ "$(cat "$mark/owner" 2>/dev/null)" = "$cluster $host $key" ]; }

is_idle() { (exec 9<"$mark" && flock -n 9) 2>/dev/null; }

# What was being written, or removed, when the machine went down.
sweep() {
  for left in "$mark".new.* "$mark".old.*; do
    if [ -e "$left" ] && ! [ -e "/proc/${left##*.}" ]; then rm -rf "$left"; fi
  done
}

# ------------------------------------------------------------------------------------------------------------- reserve

# Resolves when the agent is there, or is not going to be.
ensure() {
  usable || return 0
  sweep
  if ! reserve; then
    tell
    return 0
  fi
  # It can be read after the mark has gone.
  exec 8<"$mark/log"
  if [ ! -e "$mark/installed" ]; then
    # That of an earlier call may be worth nothing any more; who runs it goes on with the file that was there.
    printf '%s' "$payload" >"$mark/install.sh.$$"
    mv "$mark/install.sh.$$" "$mark/install.sh"
  fi
  start
  wait "$!" || true
  if of_key; then tell
  else
    echo 'state failed'
    tail -n 12 <&8 | cut -c 1-300 | sed 's/^/log /'
  fi
}

reserve() {
  until of_key; do
    if [ -e "$mark" ] || [ -e "$program" ]; then return 1; fi
    new=$mark.new.$$
    mkdir -p "${mark%/*}"
    mkdir "$new"
    echo "$cluster $host $key" >"$new/owner"
    date +%s >"$new/created"
    printf '%s\n' "$tags" >"$new/tags"
    printf '%s' "$payload" >"$new/install.sh"
    printf '%s' "$options" >"$new/options"
    printf '%s' "$worker" >"$new/machine.sh"
    : >"$new/log"
    mv -T "$new" "$mark" 2>/dev/null || rm -rf "$new"
  done
}

start() { setsid sh "$mark/machine.sh" </dev/null >>"$mark/log" 2>&1 8<&- & }

work() {
  # By which it is known as the one that works here.
  cd "$mark"
  exec 9<"$mark"
  flock -w 900 9
  if ! [ /proc/self/fd/9 -ef "$mark" ] || [ -e "$mark/installed" ] || [ -e "$mark/releasing" ]; then return 0; fi
  echo $$ >"$mark/worker"
  set --
  while read -r word; do set -- "$@" "$word"; done <"$mark/options"
  # Who keeps the descriptor keeps the lock.
  if (cd / && exec sh "$mark/install.sh" install "$@" ${prefix:+--prefix "$prefix"}) 9<&-; then
    : >"$mark/installed"
    rm -f "$mark/worker"
  else
    uninstall || true
    drop
  fi
}

# ------------------------------------------------------------------------------------------------------------- release

release() {
  usable || return 0
  sweep
  for _ in 1 2 3; do
    if ! of_host; then
      echo 'state free'
      return 0
    fi
    # Somebody else may do the same.
    touch "$mark/releasing" 2>/dev/null || continue
    end_worker
    if (take_away); then return 0; fi
  done
  echo 'refused its reservation cannot be removed'
}

# In a shell of its own, which a mark that has gone meanwhile ends. Succeeds when it has said why there is something left.
take_away() {
  exec 9<"$mark"
  flock -w 90 9 || { echo 'refused somebody else is taking the agent away'; return 0; }
  [ /proc/self/fd/9 -ef "$mark" ] || return 1
  if uninstall >"$mark/log" 2>&1; then
    drop
    return 1
  fi
  echo 'state failed'
  tail -n 12 "$mark/log" | cut -c 1-300 | sed 's/^/log /'
}

uninstall() { (cd / && exec sh "$mark/install.sh" uninstall ${prefix:+--prefix "$prefix"}) </dev/null 9<&-; }

drop() {
  mv -T "$mark" "$mark.old.$$"
  rm -rf "$mark.old.$$"
}

# The group of the process that installs: TERM, ten seconds, KILL.
end_worker() {
  pid=$(cat "$mark/worker" 2>/dev/null) || return 0
  [ "/proc/$pid/cwd" -ef "$mark" ] || return 0
  for signal in TERM KILL; do
    kill -s "$signal" -- "-$pid" 2>/dev/null || return 0
    for second in 1 2 3 4 5 6 7 8 9 10; do
      kill -s 0 -- "-$pid" 2>/dev/null || return 0
      sleep 1
    done
  done
}
