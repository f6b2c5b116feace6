# Installs the agent of Wombat on a machine, starts it, and takes it away again. A coordinator puts a shebang and a
# few assignments before it (GET /install.sh, and with a join token what a new machine runs at its first boot):
#
#   WOMBAT_COORDINATOR            where the agent connects, HOST:PORT
#   WOMBAT_URL                    where packages are fetched, http(s)://HOST:PORT
#   WOMBAT_CA                     authority of that address, PEM; empty: plain HTTP
#   WOMBAT_SHA256_x64, ..._arm64  the only packages that are accepted
#   WOMBAT_HOST_ID                the host that this machine is to become; empty: the token says
#   WOMBAT_JOIN_TOKEN             worth one enrolment; empty: --join-token-file
#
# Everything is a function, and the last line runs it: of a script that was cut on its way nothing is run.
# shellcheck shell=sh disable=SC2154 # the assignments stand before this file

say() { echo "wombat-agent: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

usage() {
  cat <<END
usage: sh install.sh [install] [--join-token-file FILE] [OPTIONS]
       sh install.sh uninstall

  --join-token-file FILE  what wo token create has printed; needed once, and not when the script has a token of its own
  --address IP            the address at which other hosts reach this one; else those of the interfaces
  --label KEY=VALUE       a label of this host; may be repeated
  --user NAME             whom the agent runs as; made when it is missing (default wombat-agent)
  --as-root               the agent runs as root, so that releases can name the user that their nodes run as
  --service KIND          systemd, init or loop; else the first that this machine has. loop does not survive a reboot
  --prefix DIR            everything below DIR, as the user who calls, started by loop: needs no root
END
}

main() {
  set -eu
  umask 022
  action=install prefix='' account=wombat-agent service='' address='' token_file='' labels=''
  while [ $# -gt 0 ]; do
    case $1 in
      install | uninstall) action=$1 ;;
      --as-root) account=root ;;
      --prefix | --user | --service | --address | --label | --join-token-file)
        [ $# -gt 1 ] || die "$1 wants a value"
        take "$1" "$2"
        shift ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die "there is no $1" ;;
    esac
    shift
  done
  places
  "$action"
}

take() {
  case $1 in
    --prefix) case $2 in /*) prefix=${2%/} ;; *) prefix=$(pwd)/${2%/} ;; esac ;;
    --user) account=$2 ;;
    --service) service=$2 ;;
    --address) address=$2 ;;
    --label) labels=${labels:+$labels,}$2 ;;
    --join-token-file) token_file=$2 ;;
  esac
}

places() {
  [ "$(uname -s)" = Linux ] || die "the agent runs on Linux, this is $(uname -s)"
  if [ -n "$prefix" ]; then
    account=$(id -un) service=loop
  else
    [ "$(id -u)" = 0 ] || die "this needs root, or --prefix DIR"
  fi
  program=$prefix/opt/wombat-agent settings=$prefix/etc/wombat-agent data=$prefix/var/lib/wombat-agent
  unit=/etc/systemd/system/wombat-agent.service script=/etc/init.d/wombat-agent
  [ -n "$service" ] || service=$(kept service) || service=$(find_service)
  case $service in systemd | init | loop) ;; *) die "there is no service $service: systemd, init or loop" ;; esac
}

find_service() {
  if [ -d /run/systemd/system ]; then echo systemd
  elif [ -d /etc/init.d ] && { has update-rc.d || has rc-update || has chkconfig; }; then echo init
  else echo loop
  fi
}

# What an earlier installation has noted under this name.
kept() { cat "$program/kept/$1" 2>/dev/null; }
keep() { mkdir -p "$program/kept"; echo "$2" >"$program/kept/$1"; }

# ---------------------------------------------------------------------------------------------------------- install

install() {
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # as it is now
  trap "rm -rf '$work'" EXIT
  trap 'exit 1' HUP INT TERM
  check_values
  check_identity
  if [ -n "$prefix" ] && [ ! -d "$prefix" ]; then keep prefix made; fi
  mkdir -p "$program" "$settings"
  make_account
  unpack
  make_data
  write_settings
  keep service "$service"
  "start_$service"
  # What was unpacked here, and what an older installer has left.
  rm -rf "$program/versions" "$program/current"
  say "the agent is installed and started ($service); take it away by: sh $program/install.sh uninstall${prefix:+ --prefix $prefix}"
}

# What ends up in a file that a shell or systemd reads has no character that means something to either.
plain() {
  case $2 in *[!A-Za-z0-9_.:/=,@%+~[\]-]*) die "$1 has a character that it cannot have" ;; esac
}

check_values() {
  plain 'the address of the coordinator' "${WOMBAT_COORDINATOR:?this script came without the address of a coordinator}"
  plain --address "$address"
  plain --label "$labels"
  plain --prefix "$prefix"
  plain --user "$account"
}

host_id() { sed -n 's/^ *"hostId": "\(host-[a-z0-9]*\)".*/\1/p' "$data/identity/identity.json" 2>/dev/null; }

check_identity() {
  known=$(host_id) || known=''
  if [ -n "$known" ]; then
    [ -z "${WOMBAT_HOST_ID:-}" ] || [ "$WOMBAT_HOST_ID" = "$known" ] ||
      die "this machine is $known already; take that away first: sh $program/install.sh uninstall"
  elif [ -z "${WOMBAT_JOIN_TOKEN:-}" ]; then
    [ -n "$token_file" ] || die "this machine has not joined yet: give --join-token-file FILE, from wo token create"
    [ -s "$token_file" ] || die "$token_file cannot be read, or is empty"
  fi
}

make_account() {
  id "$account" >/dev/null 2>&1 && return 0
  # Before it is made: who is interrupted here leaves no account behind either.
  keep account "$account"
  if has useradd; then useradd --system --user-group --no-create-home --home-dir "$data" --shell /bin/sh "$account"
  elif has adduser; then adduser -S -D -H -h "$data" -s /bin/sh "$account" && { addgroup -S "$account" 2>/dev/null || true; }
  else die "this machine has neither useradd nor adduser; make the user $account first, or say --as-root"
  fi
}

# Nothing that the account may write is run or read as root: tools, notes and this script lie beside `program/`, which is the
# account's, and come from a package that has just been checked, or from one that whoever made this machine has unpacked
# into versions/SHA256.
unpack() {
  case $(uname -m) in
    x86_64 | amd64) arch=x64 sha256=${WOMBAT_SHA256_x64:-} ;;
    aarch64 | arm64) arch=arm64 sha256=${WOMBAT_SHA256_arm64:-} ;;
    *) die "there is no agent for $(uname -m)" ;;
  esac
  [ -n "$sha256" ] || die "the coordinator has no package of the agent for linux-$arch"
  tree=$program/versions/$sha256
  make_program
  if [ "$(kept package)" != "$sha256" ] || [ ! -d "$program/program/versions/$sha256" ]; then
    [ -d "$tree" ] || fetch_package
    place_tools
  fi
  as_account sh -c "$start_version" sh "$program/program" "$sha256" "$tree" || die "the agent's Node.js does not run here: it needs glibc 2.28 or newer; or the disk is full"
  keep package "$sha256"
}

# What another account has left there is of no use to this one.
make_program() {
  [ "$(stat -c %U "$program/program" 2>/dev/null)" != "$account" ] || return 0
  rm -rf "$program/program"
  mkdir -p "$program/program"
  [ -n "$prefix" ] || chown "$account" "$program/program"
}

as_account() { "$program/bin/wombat-agent-service" as "$program" "$account" "$@"; }

# Run as the account, which can read what root has unpacked.
# shellcheck disable=SC2016 # for the inner shell
start_version='
set -eu
umask 022
cd "$1"
mkdir -p versions
if [ ! -d "versions/$2" ]; then
  rm -rf versions/*.new
  cp -R "$3" "versions/$2.new"
  mv "versions/$2.new" "versions/$2"
fi
"versions/$2/bin/node" --version >/dev/null
ln -sfn "versions/$2" current.new
mv -T current.new current
rm -f pending pending.tried failed
'

fetch_package() {
  fetch_all "$WOMBAT_URL/packages/wombat-agent-linux-$arch-$sha256.tar.gz" "$work/package"
  echo "$sha256  $work/package" | sha256sum -c - >/dev/null 2>&1 || die "the package is not the one that the coordinator has named (sha256 $sha256)"
  rm -rf "$program"/versions/*.new
  mkdir -p "$tree.new"
  gzip -dc "$work/package" | tar -xf - -C "$tree.new" || die "the package could not be unpacked"
  mv "$tree.new" "$tree"
}

# Beside what is there, which may be running.
place_tools() {
  mkdir -p "$program/bin"
  for tool in bin/wombat-agent-launch bin/wombat-agent-service install/install.sh; do
    place=$program/${tool#install/}
    cp "$tree/$tool" "$place.new"
    mv "$place.new" "$place"
  done
}

# A machine that has just booted may have no network yet.
fetch_all() {
  authority=''
  if [ -n "${WOMBAT_CA:-}" ]; then authority=$work/ca.pem; printf '%s\n' "$WOMBAT_CA" >"$authority"; fi
  for pause in 0 1 2 4 8 15 30 60; do
    sleep "$pause"
    fetch "$1" "$2" && return 0
    say "$1 cannot be fetched; trying again"
  done
  die "$1 cannot be fetched"
}

fetch() {
  if has curl; then curl -fsS --connect-timeout 10 --max-time 600 ${authority:+--cacert "$authority"} -o "$2" "$1"
  elif has wget && wget --help 2>&1 | grep -q ca-certificate; then wget -q -t 1 -T 60 ${authority:+--ca-certificate="$authority"} -O "$2" "$1"
  elif has python3; then
    python3 -c '
import shutil, ssl, sys, urllib.request
url, path, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority) if authority else None
with urllib.request.urlopen(url, timeout=60, context=context) as answer, open(path, "wb") as file: shutil.copyfileobj(answer, file)
' "$1" "$2" "$authority"
  elif has wget; then wget -q -O "$2" "$1"
  else die "curl, wget or python3 is needed to fetch the agent"
  fi
}

# What lies in it already is its owners': nodes may have users of their own.
make_data() {
  if [ ! -d "$data" ]; then
    mkdir -p "$data"
    chmod 0700 "$data"
  fi
  [ -n "$prefix" ] || chown "$account" "$data"
  [ -n "$(host_id)" ] || write_token
}

# The account may write there: what it has put under this name is not followed.
write_token() {
  rm -f "$data/join-token"
  (umask 077; set -C; if [ -n "${WOMBAT_JOIN_TOKEN:-}" ]; then printf '%s\n' "$WOMBAT_JOIN_TOKEN"; else cat "$token_file"; fi >"$data/join-token")
  [ -n "$prefix" ] || chown -h "$account" "$data/join-token"
}

write_settings() {
  {
    echo "# Written by install.sh. What the agent takes: $program/program/current/bin/wombat-agent --help"
    echo "WOMBAT_AGENT_COORDINATOR=$WOMBAT_COORDINATOR"
    echo "WOMBAT_AGENT_DIRECTORY=$data"
    echo "WOMBAT_AGENT_JOIN_TOKEN_FILE=$data/join-token"
    [ -z "$address" ] || echo "WOMBAT_AGENT_ADDRESS=$address"
    [ -z "$labels" ] || echo "WOMBAT_AGENT_LABEL=$labels"
  } >"$settings/agent.env"
}

start_systemd() {
  # An agent that gains no rights cannot give a node another user either.
  if [ "$account" = root ]; then rights=no; else rights=yes; fi
  cat >"$unit" <<END
[Unit]
Description=Wombat agent
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User=$account
EnvironmentFile=$settings/agent.env
ExecStart=$program/bin/wombat-agent-launch $program/program
Restart=always
RestartSec=2
# Nodes outlive their agent: a restart of this unit restarts none of them.
KillMode=process
LimitNOFILE=65536
TasksMax=infinity
Delegate=yes
NoNewPrivileges=$rights
ProtectSystem=full
ProtectClock=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=$rights
LockPersonality=yes
RestrictSUIDSGID=$rights
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK

[Install]
WantedBy=multi-user.target
END
  systemctl daemon-reload
  systemctl enable --quiet wombat-agent.service
  systemctl restart wombat-agent.service
}

start_init() {
  cat >"$script" <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides:          wombat-agent
# Required-Start:    \$remote_fs \$network
# Required-Stop:     \$remote_fs \$network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Wombat agent
### END INIT INFO
exec $program/bin/wombat-agent-service "\$1" $program $account
END
  chmod 0755 "$script"
  if has update-rc.d; then update-rc.d wombat-agent defaults >/dev/null
  elif has rc-update; then rc-update add wombat-agent default >/dev/null
  elif has chkconfig; then chkconfig --add wombat-agent
  fi
  "$script" restart
}

start_loop() { "$program/bin/wombat-agent-service" restart "$program" "$account"; }

# -------------------------------------------------------------------------------------------------------- uninstall

uninstall() {
  known=$(host_id) || known=''
  made=$(kept account) || made=''
  prefix_made=$(kept prefix) || prefix_made=''
  [ ! -d "$program" ] || "stop_$service"
  left=''
  end_processes || left=yes
  if [ "$service" = systemd ] && [ -f "$unit" ]; then
    rm -f "$unit"
    systemctl daemon-reload
  fi
  rm -rf "$data" "$settings" "$program"
  if [ -n "$made" ]; then
    if has userdel; then userdel "$made" 2>/dev/null || true; elif has deluser; then deluser "$made" || true; fi
  fi
  if [ -n "$prefix" ]; then
    for place in opt etc var/lib var; do rmdir "$prefix/$place" 2>/dev/null || true; done
    [ -z "$prefix_made" ] || rmdir "$prefix" 2>/dev/null || true
  fi
  [ -z "$left" ] || die "the agent is gone from this machine, but for the processes named above"
  say "the agent is gone from this machine"
}

stop_systemd() { systemctl disable --quiet --now wombat-agent.service 2>/dev/null || true; }

stop_init() {
  [ ! -x "$script" ] || "$script" stop
  if has update-rc.d; then rm -f "$script"; update-rc.d wombat-agent remove >/dev/null || true
  elif has rc-update; then rc-update del wombat-agent default >/dev/null || true
  elif has chkconfig; then chkconfig --del wombat-agent || true
  fi
  rm -f "$script"
}

stop_loop() {
  [ ! -x "$program/bin/wombat-agent-service" ] || "$program/bin/wombat-agent-service" stop "$program" "$account"
}

# Nodes, commands and what they have started: TERM, ten seconds, KILL.
end_processes() {
  for signal in TERM KILL; do
    for second in 1 2 3 4 5 6 7 8 9 10; do
      found=$(processes)
      [ -n "$found" ] || return 0
      # shellcheck disable=SC2086 # a list
      [ "$second" != 1 ] || kill -s "$signal" $found 2>/dev/null || true
      sleep 1
    done
  done
  say "these processes did not end: $found"
  return 1
}

processes() {
  uid=''
  [ -z "$made" ] || uid=$(id -u "$made" 2>/dev/null) || uid=''
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    [ "$pid" != $$ ] || continue
    if belongs "$process" 2>/dev/null; then printf '%s ' "$pid"; fi
  done
}

# A process of the account that was made for the agent, or one that carries this host's id.
belongs() {
  if [ -n "$uid" ] && grep -q "^Uid:[[:space:]]*${uid}[[:space:]]" "$1/status"; then return 0; fi
  [ -n "$known" ] && tr '\0' '\n' <"$1/environ" | grep -qx "WOMBAT_HOST_ID=$known"
}

main "$@"
