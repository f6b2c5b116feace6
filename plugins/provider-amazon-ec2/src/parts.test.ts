import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { FailureKind } from '@wombat/plugin-sdk';
import t from 'tap';
import { canonicalCidr } from './cidr.js';
import { toProviderError } from './ec2-error.js';
import { plugin } from './index.js';
import { cutPage, pageQuery } from './page.js';
import { call, refusalOf, Stage } from './testing/stage.js';

t.test('networks are written as EC2 writes them', async (t) => {
  const cases = {
    '10.1.2.3/8': '10.0.0.0/8', '10.1.2.3': '10.1.2.3/32', '192.168.255.255/22': '192.168.252.0/22', '1.2.3.4/0': '0.0.0.0/0',
    '2001:DB8:0:0::1/64': '2001:db8::/64', '::ffff:10.0.0.1': '::ffff:a00:1/128', 'fe80::1:2:3/121': 'fe80::1:2:0/121', '::/0': '::/0', '2001:db8:ffff::/33': '2001:db8:8000::/33',
  };
  t.strictSame(Object.fromEntries(Object.keys(cases).map((source) => [source, canonicalCidr(source)])), cases);
});

t.test('pages: as EC2 cuts them, or cut here where a cloud answers all at once', async (t) => {
  const all = Array.from({ length: 23 }, (_, n) => n);
  const pages: number[][] = [];
  let pageToken = '';
  do {
    const wish = { region: '', query: '', pageSize: 10, pageToken };
    const asked = pageQuery(wish, { least: 5, most: 100 });
    t.strictSame(asked, { MaxResults: 10 }, 'a token of our own is not sent to the cloud');
    const page = cutPage(all, undefined, wish, asked.MaxResults);
    pages.push([...page.items]);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  t.strictSame(pages, [all.slice(0, 10), all.slice(10, 20), all.slice(20)]);
  const wish = { region: '', query: '', pageSize: 3, pageToken: 'of-ec2' };
  t.strictSame(pageQuery(wish, { least: 5, most: 100 }), { MaxResults: 5, NextToken: 'of-ec2' }, 'EC2 makes no smaller pages');
  t.strictSame(cutPage([1, 2, 3, 4, 5], 'next', wish, 5), { items: [1, 2, 3, 4, 5], nextPageToken: 'next' });
});

t.test('what EC2 refuses with, in the words of Wombat', async (t) => {
  const hide = (text: string): string => text.replaceAll('canary', '***');
  const of = (name: string, status = 400, message = 'Some reason.') => toProviderError(Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } }), hide);
  const cases: [string, number, FailureKind][] = [
    ['AuthFailure', 401, FailureKind.AUTH], ['UnauthorizedOperation', 403, FailureKind.AUTH], ['SignatureDoesNotMatch', 403, FailureKind.AUTH], ['OptInRequired', 401, FailureKind.AUTH],
    ['VcpuLimitExceeded', 400, FailureKind.QUOTA], ['InstanceLimitExceeded', 400, FailureKind.QUOTA], ['MaxSpotInstanceCountExceeded', 400, FailureKind.QUOTA], ['VolumeLimitExceeded', 400, FailureKind.QUOTA],
    ['InsufficientInstanceCapacity', 500, FailureKind.CAPACITY], ['InsufficientFreeAddressesInSubnet', 400, FailureKind.CAPACITY], ['SpotMaxPriceTooLow', 400, FailureKind.CAPACITY],
    ['RequestLimitExceeded', 503, FailureKind.THROTTLED], ['Throttling', 400, FailureKind.THROTTLED], ['AnyName', 429, FailureKind.THROTTLED],
    ['InvalidInstanceID.NotFound', 400, FailureKind.NOT_FOUND], ['InvalidGroup.NotFound', 400, FailureKind.UNAVAILABLE],
    ['InternalError', 500, FailureKind.UNAVAILABLE], ['TimeoutError', 0, FailureKind.UNAVAILABLE], ['SyntaxError', 200, FailureKind.UNAVAILABLE], ['PendingVerification', 400, FailureKind.UNAVAILABLE],
    ['Unsupported', 400, FailureKind.INVALID],
  ];
  for (const [name, status, kind] of cases) t.equal(of(name, status).kind, kind, `${name} with ${status}`);
  const fields: [string, string, string][] = [
    ['InvalidAMIID.NotFound', '', 'image'], ['InvalidParameterValue', 'Invalid availability zone: [x]', 'zone'], ['InvalidParameterValue', 'Invalid value for instance type', 'hardwareProfile'],
    ['InvalidKeyPair.NotFound', '', 'keyPair'], ['InvalidParameterValue', 'Value (x) for parameter iamInstanceProfile.name is invalid', 'instanceProfile'], ['InvalidSubnetID.NotFound', '', 'subnets'],
    ['MissingParameter', 'The request must contain the parameter x', ''],
  ];
  for (const [name, message, field] of fields) t.match(of(name, 400, message), { kind: FailureKind.INVALID, field, mayRetry: false }, `${name} ${message}`);
  const told = of('AuthFailure', 401, 'The key canary is wrong.\nEncoded authorization failure message: aaaa');
  t.equal(told.message, 'the key *** is wrong. (AuthFailure)'.replace('. (', ' ('), 'one line without secrets, in the form of all messages');
  t.notMatch(String((told.cause as Error).message), /canary/, 'nor are they in what is kept for the log');
});

t.test('settings: what is needed, what is not allowed, and which are secret', async (t) => {
  t.strictSame(plugin.credentialSettings, ['accessKeyId', 'secretAccessKey']);
  t.strictSame(plugin.secretSettings, ['secretAccessKey', 'sessionToken']);
  const wrong = (settings: object) => plugin.validate({ accessKeyId: 'AKIA', secretAccessKey: 'canary', ...settings }).notes.map(({ field }) => field);
  t.strictSame(wrong({}), []);
  t.strictSame(wrong({ subnets: 'subnet-1,subnet-2', spot: 'true', rootVolumeGb: '20', tags: '{"team":"riak"}' }), [], 'as text, as `--set` gives them');
  t.strictSame(wrong({ endpoint: 'ftp://x', region: 'EU West', rootVolumeGb: 0 }).sort(), ['endpoint', 'region', 'rootVolumeGb']);
  t.strictSame(wrong({ tags: { 'wombat-key': 'x' } }), ['tags.wombat-key'], 'Wombat\'s own tags are not anybody\'s to set');
  t.strictSame(plugin.validate({}).notes.map(({ field }) => field), ['accessKeyId', 'secretAccessKey']);
});

t.test('the SDK of Amazon is loaded by whoever connects, not by whoever knows the driver', async (t) => {
  const index = fileURLToPath(new URL('./index.js', import.meta.url));
  const script = `await import(${JSON.stringify(index)}); const { _cache } = (await import('node:module')).default; console.log(Object.keys(_cache).filter((name) => name.includes('aws-sdk')).length)`;
  t.equal(execFileSync('/usr/bin/env', ['-i', process.execPath, '--input-type=module', '-e', script], { encoding: 'utf8' }).trim(), '0');
});

t.test('a list that does not end is not taken for whole', async (t) => {
  const server = createServer((_, response) => void response.setHeader('content-type', 'text/xml')
    .end('<DescribeInstancesResponse><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { provider } = new Stage(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.match(await refusalOf(provider.listHosts(call())), { kind: FailureKind.UNAVAILABLE, message: /more than 200 pages/ });
});
