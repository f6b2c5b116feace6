import t from 'tap';
import { z } from 'zod';
import { manifestSchema, parseManifestFile } from './manifest-file.js';

t.test('all that can be said', (t) => {
  const text = `
apiVersion: wombat/v1
name: shop
version: 1.2.3
start: bin/shop run
stop: bin/shop stop
nodeName: shop
mode: daemon
templates: [etc/shop.conf]
ports:
  - name: http
  - {name: metrics, protocol: udp, number: 9100}
ready: {port: http, timeout: 1.5m}
stopTimeout: 500ms
sharedPaths: [share]
logFiles: [log/*.log]
environment: {LANG: C}
pidCommand: bin/shop pid
`;
  t.strictSame(parseManifestFile(text), {
    name: 'shop',
    version: '1.2.3',
    input: {
      start: 'bin/shop run', stop: 'bin/shop stop', nodeName: 'shop', mode: 'daemon', templates: ['etc/shop.conf'],
      ports: [{ name: 'http', protocol: 'tcp', number: 0 }, { name: 'metrics', protocol: 'udp', number: 9100 }],
      ready: { kind: 'port', port: 'http' }, readyTimeoutMs: 90_000, stopTimeoutMs: 500, sharedPaths: ['share'], logFiles: ['log/*.log'],
      environment: { LANG: 'C' }, pidCommand: 'bin/shop pid',
    },
  });
  t.end();
});

t.test('each way to be ready', (t) => {
  const ready = (text: string): unknown => parseManifestFile(`apiVersion: wombat/v1\nready: ${text}\n`).input.ready;
  t.strictSame(ready('{command: bin/ok}'), { kind: 'command', command: 'bin/ok' });
  t.strictSame(ready('{aliveFor: 2s}'), { kind: 'alive', aliveForMs: 2_000 });
  t.strictSame(ready('{erlang: true}'), { kind: 'erlang' });
  t.equal(ready('{timeout: 5s}'), undefined, 'a timeout alone leaves the check to the layout');
  t.end();
});

const refused: [string, string, RegExp][] = [
  ['no version of the form', 'start: x', /apiVersion/],
  ['another version of the form', 'apiVersion: wombat/v2', /apiVersion/],
  ['an unknown field', 'apiVersion: wombat/v1\nstrat: x', /strat/],
  ['a wrong type', 'apiVersion: wombat/v1\ntemplates: x', /templates/],
  ['a bad duration', 'apiVersion: wombat/v1\nstopTimeout: 5 minutes', /stopTimeout: a duration such as/],
  ['a bad port', 'apiVersion: wombat/v1\nports: [{name: x, number: 70000}]', /ports\.0\.number/],
  ['two checks', 'apiVersion: wombat/v1\nready: {erlang: true, port: x}', /more than one/],
  ['no mapping', '- a', /wombat\.release\.yaml/],
  ['no YAML', 'a: [', /wombat\.release\.yaml/],
  ['too many aliases', `a: &a [x]\nb: [${Array(50).fill('*a').join(',')}]`, /wombat\.release\.yaml/],
];
for (const [what, text, message] of refused) {
  t.test(`${what} is refused`, (t) => {
    t.throws(() => parseManifestFile(text), { code: 'WO_MANIFEST_INVALID', message });
    t.end();
  });
}

t.test('the schema can be published', (t) => {
  t.match(z.toJSONSchema(manifestSchema, { io: 'input' }), { type: 'object', required: ['apiVersion'] });
  t.end();
});
