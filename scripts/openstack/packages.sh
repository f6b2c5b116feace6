# Sourced by up: the services as Debian has them. Installing starts none of them.

openstack_packages="mariadb-server rabbitmq-server keystone glance-api placement-api nova-api nova-conductor nova-scheduler nova-compute
  nova-compute-qemu neutron-server python3-pymysql python3-memcache uwsgi-core uwsgi-plugin-python3 curl"

# Others may be installing, too: the lists have a lock that apt-get does not wait for.
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@"; }
apt_lists() { local try; for try in {1..60}; do apt update && return 0; sleep 5; done; return 1; }

# One at a time; who comes second finds all of it installed.
install_packages() {
  local lock
  exec {lock}>/run/wombat-openstack-packages.lock
  flock "$lock"
  install_missing
  exec {lock}>&-
}

install_missing() {
  local package missing=() made_policy= code=0
  for package in $openstack_packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  # The packages' scripts ask policy-rc.d whether they may start a service; where nobody has an opinion, it is no.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    made_policy=yes
  fi
  { apt_lists && apt install -y --no-install-recommends "${missing[@]}"; } >"$DIR/log/apt.out" 2>&1 || code=$?
  [ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
  [ $code = 0 ] || die "apt-get failed: see $DIR/log/apt.out"
}
