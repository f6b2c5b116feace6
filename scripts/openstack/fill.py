"""Fills a new OpenStack over its APIs, which is ten times as fast as its commands.

fill.py identity DIR: users, roles, services and endpoints.
fill.py content DIR: flavors, an image, a network; then waits until servers can be placed.
"""
import json
import sys
import time
import urllib.error
import urllib.request

what, directory = sys.argv[1:]
with open(f'{directory}/cloud.json') as file:
    cloud = json.load(file)
ports, passwords = cloud['ports'], cloud['passwords']
address = {name: f'http://127.0.0.1:{port}' for name, port in ports.items()}
keystone = address['keystone'] + '/v3'


def call(method, url, body=None, token=None, raw=None):
    headers = {'Content-Type': 'application/octet-stream' if raw is not None else 'application/json'}
    if token:
        headers['X-Auth-Token'] = token
    data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, data=data, headers=headers), timeout=60) as answer:
            content = answer.read()
            return answer.headers, json.loads(content) if content else None
    except urllib.error.HTTPError as error:
        sys.exit(f'{method} {url}: {error.code} {error.read().decode(errors="replace")[:500]}')


def login(user, password):
    """Each of the two has a project of the same name."""
    domain = {'id': 'default'}
    identity = {'methods': ['password'], 'password': {'user': {'name': user, 'domain': domain, 'password': password}}}
    headers, _ = call('POST', keystone + '/auth/tokens', {'auth': {'identity': identity, 'scope': {'project': {'name': user, 'domain': domain}}}})
    return headers['X-Subject-Token']


def identity():
    token = login('admin', passwords['admin'])

    def made(kind, **fields):
        return call('POST', f'{keystone}/{kind}s', {kind: fields}, token)[1][kind]['id']

    def granted(project, user, role):
        call('PUT', f'{keystone}/projects/{project}/users/{user}/roles/{role}', None, token)

    roles = {role['name']: role['id'] for role in call('GET', keystone + '/roles', None, token)[1]['roles']}
    service_project, service_role = made('project', name='service', domain_id='default'), made('role', name='service')
    for name, kind, path in (('glance', 'image', ''), ('placement', 'placement', ''), ('nova', 'compute', '/v2.1'), ('neutron', 'network', '')):
        user = made('user', name=name, password=passwords['service'], domain_id='default')
        for role in (roles['admin'], service_role):
            granted(service_project, user, role)
        service = made('service', name=name, type=kind)
        for interface in ('public', 'internal', 'admin'):
            made('endpoint', service_id=service, interface=interface, url=address[name] + path, region_id='RegionOne')
    project = made('project', name='demo', domain_id='default')
    granted(project, made('user', name='demo', password=passwords['member'], domain_id='default'), roles['member'])


def content():
    admin, demo = login('admin', passwords['admin']), login('demo', passwords['member'])
    nova, glance, neutron = address['nova'] + '/v2.1', address['glance'] + '/v2', address['neutron'] + '/v2.0'
    # No host has room for the last one.
    flavors = (('small', 1, 512, 5), ('medium', 2, 2048, 20), ('large', 4, 8192, 80), ('enormous', 64, 512 * 1024 * 1024, 5))
    for number, (name, vcpus, ram, disk) in enumerate(flavors, 1):
        call('POST', nova + '/flavors', {'flavor': {'id': str(number), 'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk}}, admin)
    image = {'name': 'debian-12', 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public', 'hw_architecture': 'x86_64', 'os_distro': 'debian'}
    image_id = call('POST', glance + '/images', image, admin)[1]['id']
    call('PUT', f'{glance}/images/{image_id}/file', None, admin, raw=b'\0' * 4096)
    network = call('POST', neutron + '/networks', {'network': {'name': 'demo-net'}}, demo)[1]['network']['id']
    call('POST', neutron + '/subnets', {'subnet': {'network_id': network, 'cidr': '10.20.0.0/16', 'ip_version': 4}}, demo)
    # Listed are only hosts that the scheduler has mapped to their cell.
    for _ in range(180):
        hosts = call('GET', nova + '/os-hypervisors/detail', None, admin)[1]['hypervisors']
        if any(host['state'] == 'up' for host in hosts):
            return
        time.sleep(0.5)
    sys.exit('no compute host came up')


{'identity': identity, 'content': content}[what]()
