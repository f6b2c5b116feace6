# Sourced by scripts/demo and scripts/test: brings a fresh Debian machine to where Wombat builds and
# runs. Installs only what is missing; says what it does on stderr.

say() { echo "setup: $*" >&2; }
die() { echo "setup: $*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
  else return 1
  fi
}

# apt_install PACKAGE...: answers 1 where that is not allowed or does not work.
apt_updated=
apt_install() {
  command -v apt-get >/dev/null || return 1
  say "apt-get install $*"
  if [ -z "$apt_updated" ]; then as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || return 1; apt_updated=1; fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

require_node() {
  command -v node >/dev/null || die "Node 20 or newer is needed: https://nodejs.org"
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || die "Node 20 or newer is needed, this is $(node --version)"
}

# As coordinator/src/store/sqlite/driver.ts chooses it.
sqlite_loads() { node -e "new (require(parseInt(process.versions.node) >= 22 ? 'better-sqlite3-13' : 'better-sqlite3'))(':memory:').close()" 2>/dev/null; }

# Version 13, for Node 22 and newer, brings its binaries. That of version 12 is downloaded where that works, else compiled with the
# running Node's headers.
build_sqlite() {
  sqlite_loads && return 0
  say "better-sqlite3: fetching its binary, or compiling it, which takes a minute or two"
  npm rebuild better-sqlite3 --foreground-scripts >test-results/better-sqlite3.log 2>&1 && sqlite_loads && return 0
  { command -v g++ && command -v make && command -v python3; } >/dev/null || apt_install g++ make python3 || die "g++, make and python3 are needed to compile better-sqlite3"
  local prefix
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  if [ -f "$prefix/include/node/node.h" ]; then export npm_config_nodedir="$prefix"; fi
  npm rebuild better-sqlite3 --build-from-source --foreground-scripts >>test-results/better-sqlite3.log 2>&1 || true
  sqlite_loads || { tail -20 test-results/better-sqlite3.log >&2; die "better-sqlite3 could not be built (test-results/better-sqlite3.log)"; }
}

# Once for each state of the lock file; install scripts of packages are not run.
setup_node_modules() {
  require_node
  mkdir -p test-results
  local stamp=node_modules/.wombat-installed key
  key=$(cat package-lock.json package.json */package.json plugins/*/package.json | sha256sum | cut -c1-64)-$(node -p 'process.versions.modules')
  if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
    say "npm ci"
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2 || die "npm ci failed"
  fi
  build_sqlite
  echo "$key" >"$stamp"
}

# tap without the plugins that .taprc leaves out: it would do this by itself, but make its first run with all of them.
build_tap() {
  local stamp=node_modules/.wombat-tap
  ! cmp -s .taprc "$stamp" || return 0
  say "tap build"
  node node_modules/tap/dist/esm/run.mjs build >/dev/null && cp .taprc "$stamp"
}

has_erlang() { command -v erl >/dev/null && command -v rebar3 >/dev/null; }

# Erlang for the tests and the demo. Answers 1 where it cannot be had.
setup_erlang() {
  has_erlang && return 0
  apt_install erlang-base erlang-dev erlang-nox rebar3 && has_erlang
}

# Elixir for the tests of its releases. Answers 1 where it cannot be had.
setup_elixir() {
  command -v mix >/dev/null && return 0
  apt_install elixir && command -v mix >/dev/null
}

has_shells() { command -v bash >/dev/null && command -v zsh >/dev/null && command -v fish >/dev/null && command -v python3 >/dev/null; }

# The shells whose completion is tested, and Python, which gives tests a terminal. Answers 1 where they cannot be had.
setup_shells() {
  has_shells && return 0
  apt_install bash zsh fish python3 && has_shells
}

has_sshd() { [ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null && command -v ssh-agent >/dev/null; }

# The sshd that tests of the driver ssh start by hand; its package would start one for everybody. Answers 1 where it cannot be had.
setup_sshd() {
  has_sshd && return 0
  apt_install openssh-server openssh-client || return 1
  if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet --now ssh.service >&2 || true; fi
  has_sshd
}

# What machines with a network of their own are made with, in full runs. Answers 1 where it cannot be had.
setup_machines() {
  local program
  for program in systemd-nspawn mmdebstrap socat ip nft qemu-aarch64-static qemu-system-x86_64 mke2fs; do
    command -v "$program" >/dev/null || { apt_install systemd-container mmdebstrap socat iproute2 nftables util-linux e2fsprogs qemu-system-x86 qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross; return; }
  done
}

# A Docker Engine and a registry, in full runs; tests start it themselves. A client alone, as newer versions put it first in PATH, is none. Answers 1 where it cannot be had.
setup_docker() {
  [ -x /usr/sbin/dockerd ] && command -v docker-registry >/dev/null && command -v socat >/dev/null && command -v openssl >/dev/null && return 0
  apt_install docker.io docker-registry iptables socat openssl && [ -x /usr/sbin/dockerd ]
}
