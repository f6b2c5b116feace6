import t from 'tap';
import { parseManifestFile } from './manifest-file.js';

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
drain: bin/shop drain
drainTimeout: 20s
sharedPaths: [share]
logFiles: [log/*.log]
environment: {LANG: C}
pidCommand: bin/shop pid
runAs: shop
limits: {openFiles: 4096, processes: 100, nice: 5, memory: 512MiB}
needs: {memory: 1.5GiB, disk: 2GB}
dataDirectory: true
commands:
  - {name: backup, help: all of it, argv: [bin/backup, --now], arguments: [{name: path, required: true}, {name: level, type: integer, help: 1 to 9}]}
`;
  t.strictSame(parseManifestFile(text), {
    name: 'shop',
    version: '1.2.3',
    input: {
      start: 'bin/shop run', stop: 'bin/shop stop', nodeName: 'shop', mode: 'daemon', templates: ['etc/shop.conf'],
      ports: [{ name: 'http', protocol: 'tcp', number: 0 }, { name: 'metrics', protocol: 'udp', number: 9100 }],
      ready: { kind: 'port', port: 'http' }, readyTimeoutMs: 90_000, stopTimeoutMs: 500, drain: 'bin/shop drain', drainTimeoutMs: 20_000, sharedPaths: ['share'], logFiles: ['log/*.log'],
      environment: { LANG: 'C' }, pidCommand: 'bin/shop pid', runAs: 'shop', dataDirectory: true,
      limits: { openFiles: 4_096, processes: 100, nice: 5, memoryBytes: 512 * 2 ** 20 }, needs: { memoryBytes: 1.5 * 2 ** 30, diskBytes: 2e9 },
      commands: [{
        name: 'backup', help: 'all of it', argv: ['bin/backup', '--now'],
        arguments: [{ name: 'path', type: 'string', help: '', required: true }, { name: 'level', type: 'integer', help: '1 to 9', required: false }],
      }],
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

const first = 'apiVersion: wombat/v1\n';
const refused: [string, string, RegExp][] = [
  ['no version of the form', 'start: x', /^wombat\.release\.yaml: apiVersion: missing, or not wombat\/v1$/],
  ['another version of the form', 'apiVersion: wombat/v2', /line 1: apiVersion: missing, or not wombat\/v1/],
  ['an unknown field', `${first}strat: x`, /line 2: there is no key strat, did you mean start\?/],
  ['an unknown field that is near nothing', `${first}colour: x`, /line 2: there is no key colour$/],
  ['an unknown field within a list', `${first}ports:\n  - name: http\n    nubmer: 80`, /line 4: there is no key ports\[0\]\.nubmer, did you mean number\?/],
  ['a wrong type', `${first}templates: x`, /line 2: templates: /],
  ['a number where text is wanted', `${first}\n\nversion: 1.10`, /line 4: version: text; put it in quotes/],
  ['a bad duration', `${first}stopTimeout: 5 minutes`, /stopTimeout: a duration such as/],
  ['a bad size', `${first}needs: {memory: 2 gigs}`, /needs\.memory: a size such as/],
  ['a bad port', `${first}ports: [{name: x, number: 70000}]`, /line 2: ports\[0\]\.number: "auto" or a number from 1 to 65535/],
  ['two checks', `${first}ready: {erlang: true, port: x}`, /one check/],
  ['a nice that is none', `${first}limits: {nice: 20}`, /limits\.nice/],
  ['no mapping', '- a', /line 1: the file: /],
  ['nothing', '', /the file: /],
  ['no YAML', 'a: [', /^wombat\.release\.yaml: line 1: it is no YAML: /],
  ['the same key twice', `${first}start: a\nstart: b`, /line 3: it is no YAML/],
  ['too many aliases', `a: &a [x]\nb: [${Array(50).fill('*a').join(',')}]`, /wombat\.release\.yaml: /],
  ['too much', `${first}# ${'x'.repeat(256 * 1024)}`, /longer than 262144 bytes/],
];
for (const [what, text, message] of refused) {
  t.test(`${what} is refused`, (t) => {
    t.throws(() => parseManifestFile(text), { code: 'WO_MANIFEST_INVALID', message });
    t.end();
  });
}

t.test('JSON is read too, all problems are told at once, and the file is called by its name', (t) => {
  t.equal(parseManifestFile('{"apiVersion": "wombat/v1", "start": "bin/x"}').input.start, 'bin/x');
  const broken = `${first}strat: x\nports: [{name: x, number: 0}]\nlimits: {opneFiles: 1}\n`;
  t.throws(() => parseManifestFile(broken, 'etc/my.yaml'), { message: /^etc\/my\.yaml: line 3: .*; line 4: .*limits\.opneFiles, did you mean openFiles\?; line 2: .*strat/ });
  t.end();
});

t.test('a file made to keep the parser busy, or to end the process, is refused at once', (t) => {
  const hostile: Readonly<Record<string, string>> = {
    'lists in lists': '['.repeat(30_000) + ']'.repeat(30_000),
    'maps in maps': '{a: '.repeat(30_000),
    'block lists in one line': '- '.repeat(60_000),
    'keys of keys': '? '.repeat(60_000),
    'indented ever further': Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    'keys without end': Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join(''),
    'anchors without end': Array.from({ length: 10_000 }, (_, index) => `k${index}: &a${index} 1\n`).join(''),
    'errors without end': '}'.repeat(200_000),
    'errors within one text': `a: "${'\\q'.repeat(10_000)}"`,
  };
  for (const [what, text] of Object.entries(hostile)) {
    const beganAtMs = performance.now();
    t.throws(() => parseManifestFile(text), { code: 'WO_MANIFEST_INVALID' }, what);
    t.ok(performance.now() - beganAtMs < 5_000, `${what}: the coordinator is not kept from its agents`);
  }
  const variables = Array.from({ length: 1_000 }, (_, index) => `  V${index}: "x"\n`).join('');
  t.equal(Object.keys(parseManifestFile(`${first}environment:\n${variables}`).input.environment ?? {}).length, 1_000, 'a large one that means well is read');
  const inOneLine = JSON.stringify({ apiVersion: 'wombat/v1', environment: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`V${index}`, 'x'])) });
  t.equal(Object.keys(parseManifestFile(inOneLine).input.environment ?? {}).length, 500, 'so is one of a single line');
  t.end();
});
