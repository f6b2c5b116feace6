#!/bin/sh
# First program of a container that is a host: installs the agent once, and keeps it running until the container is stopped.
#   start.sh ACCOUNT
# The install payload lies beside it until it has done its work.
account=$1
here=${0%/*}
program=/opt/wombat-agent
service=$program/bin/wombat-agent-service
# An Erlang node takes memory for each file that it might open, and many an engine allows a thousand million.
ulimit -n 65536 2>/dev/null || true

# As a machine that is shut down: the agent, then all else but the init and this shell; what is left dies with the init.
halt() {
  trap '' TERM INT
  "$service" stop "$program" "$account"
  kill -TERM -1 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    set -- /proc/[0-9]*
    [ $# -gt 2 ] || break
    sleep 0.5
  done
  exit 0
}

if [ -f "$here/install" ]; then
  # What fails here is tried again: the engine starts the container once more.
  sh "$here/install" --service loop --user "$account" || exit 1
  rm -f "$here/install"
fi
[ -x "$service" ] || { echo "wombat: there is no agent in this container" >&2; exit 1; }
trap halt TERM INT
while :; do
  "$service" start "$program" "$account"
  sleep 5 &
  wait $!
done
