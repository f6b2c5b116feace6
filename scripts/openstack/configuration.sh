# Sourced by up: writes the services' configuration into DIR/etc. The ports stand in variables named as the services are.

database() { echo "connection = mysql+pymysql://root@localhost/$1?unix_socket=$DIR/db.sock"; }
queue() { echo "transport_url = rabbit://guest:guest@127.0.0.1:$AMQP/"; }

# login USER: how a service logs in to keystone.
login() {
  printf '%s\n' "auth_url = http://127.0.0.1:$KEYSTONE" 'auth_type = password' 'user_domain_name = Default' 'project_domain_name = Default' \
    'project_name = service' "username = $1" "password = $SERVICE_PASSWORD" 'region_name = RegionOne'
}

# token_check USER: how a service judges the tokens that it is given. It remembers them for a while, also those that are revoked meanwhile.
token_check() {
  printf '%s\n' '[keystone_authtoken]' "www_authenticate_uri = http://127.0.0.1:$KEYSTONE" 'service_token_roles_required = true'
  login "$1"
}

configure_keystone() {
  cat >"$DIR/etc/keystone.conf" <<END
[DEFAULT]
log_file = $DIR/log/keystone.log
[database]
$(database keystone)
[token]
provider = fernet
[fernet_tokens]
key_repository = $DIR/fernet
[credential]
key_repository = $DIR/credential
# The fewest that are allowed: every login costs less.
[identity]
password_hash_rounds = 4
[cache]
enabled = false
END
}

configure_glance() {
  cat >"$DIR/etc/glance-api.conf" <<END
[DEFAULT]
log_file = $DIR/log/glance.log
bind_host = 127.0.0.1
bind_port = $GLANCE
workers = 1
[database]
$(database glance)
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = $DIR/images
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[oslo_messaging_notifications]
driver = noop
[oslo_concurrency]
lock_path = $DIR/lock
$(token_check glance)
END
}

configure_placement() {
  cat >"$DIR/etc/placement/placement.conf" <<END
[DEFAULT]
log_file = $DIR/log/placement.log
[api]
auth_strategy = keystone
[placement_database]
$(database placement)
$(token_check placement)
END
}

# max_limit: lists have pages of three, so that a test sees several. vif_plugging: nobody plugs a cable. discover_hosts maps the compute
# host to its cell; periodic_fuzzy_delay, because periodic work begins at a random moment of the first minute otherwise.
configure_nova() {
  cat >"$DIR/etc/nova.conf" <<END
[DEFAULT]
log_file = $DIR/log/nova.log
$(queue)
enabled_apis = osapi_compute
osapi_compute_workers = 1
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = $NOVA
compute_driver = fake.FakeDriver
host = compute
my_ip = 127.0.0.1
state_path = $DIR/state
instances_path = $DIR/instances
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
periodic_fuzzy_delay = 0
[api_database]
$(database nova_api)
[database]
$(database nova)
[api]
auth_strategy = keystone
max_limit = 3
[wsgi]
api_paste_config = /etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[quota]
instances = 100
cores = -1
ram = -1
[oslo_concurrency]
lock_path = $DIR/lock
[glance]
api_servers = http://127.0.0.1:$GLANCE
[placement]
$(login placement)
[neutron]
$(login neutron)
$(token_check nova)
END
}

configure_neutron() {
  cat >"$DIR/etc/neutron.conf" <<END
[DEFAULT]
log_file = $DIR/log/neutron.log
$(queue)
core_plugin = ml2
service_plugins =
bind_host = 127.0.0.1
bind_port = $NEUTRON
api_workers = 1
rpc_workers = 0
auth_strategy = keystone
api_paste_config = /etc/neutron/api-paste.ini
state_path = $DIR/state
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
[quotas]
quota_port = -1
quota_security_group = -1
quota_security_group_rule = -1
[oslo_concurrency]
lock_path = $DIR/lock
[database]
$(database neutron)
$(token_check neutron)
END
  cat >"$DIR/etc/ml2.ini" <<END
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = always_bound
extension_drivers = port_security
[securitygroup]
enable_security_group = true
END
  # How neutron finds ml2_always_bound.py: by its entry point, on PYTHONPATH.
  printf '[neutron.ml2.mechanism_drivers]\nalways_bound = ml2_always_bound:AlwaysBound\n' >"$DIR/py/ml2_always_bound-1.0.dist-info/entry_points.txt"
  printf 'Metadata-Version: 2.1\nName: ml2_always_bound\nVersion: 1.0\n' >"$DIR/py/ml2_always_bound-1.0.dist-info/METADATA"
}
