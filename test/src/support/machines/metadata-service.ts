import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** What an instance learns of itself. */
export interface InstanceMetadata {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly userData: string;
}

/** Amazon EC2's metadata service of one instance (IMDSv2: a token is asked for first), on a port of the loopback. */
export async function startMetadataService(t: Test, instance: InstanceMetadata): Promise<number> {
  const server = createServer(({ method, url = '', headers }, response) => {
    const [, version = '', path = ''] = /^[/](latest|[0-9-]+)[/]([^?]*)/.exec(url) ?? [];
    if (method === 'PUT' && path === 'api/token') return void response.end(token);
    if (headers['x-aws-ec2-metadata-token'] !== token) return void response.writeHead(401).end();
    const found = version === '' ? undefined : answer(instance, path);
    if (found === undefined) return void response.writeHead(404).end();
    response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => closed(server));
  return (server.address() as AddressInfo).port;
}

const token = 'token-of-the-test';

function answer({ instanceId, instanceType, zone, userData }: InstanceMetadata, path: string): string | undefined {
  if (path === 'user-data') return userData;
  const region = zone.slice(0, -1);
  if (/^dynamic[/]instance-identity[/]?$/.test(path)) return 'document';
  if (path === 'dynamic/instance-identity/document') return JSON.stringify({ instanceId, instanceType, availabilityZone: zone, region });
  const tree: Readonly<Record<string, string>> = {
    'instance-id': instanceId, 'instance-type': instanceType, 'local-hostname': instanceId, hostname: instanceId,
    'placement/availability-zone': zone, 'placement/region': region,
  };
  const [, wanted] = /^meta-data[/]?(.*)$/.exec(path) ?? [];
  if (wanted === undefined) return undefined;
  return tree[wanted] ?? listing(Object.keys(tree), wanted);
}

/** The names below a directory, which end with a slash where they are directories. */
function listing(paths: readonly string[], directory: string): string | undefined {
  const inside = paths.filter((path) => path.startsWith(directory)).map((path) => path.slice(directory.length).replace(/[/].*/, '/'));
  return inside.length === 0 ? undefined : [...new Set(inside)].join('\n');
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
