import t from 'tap';
import { fillManifest, isErlangRelease } from './fill-manifest.js';
import { inspectionOf, mixInspection, plainInspection, relxInspection } from './testing/inspections.js';

t.test('a plain release runs what it is told to, and is ready soon', (t) => {
  const { manifest, notes } = fillManifest({ start: 'bin/run --fast', stop: 'bin/stop', nodeName: 'sleeper' }, plainInspection());
  t.strictSame(manifest, {
    start: 'bin/run --fast', stop: 'bin/stop', nodeName: 'sleeper', mode: 'foreground', templates: [], ports: [],
    ready: { kind: 'alive', aliveForMs: 200 }, readyTimeoutMs: 60_000, stopTimeoutMs: 30_000, sharedPaths: [], logFiles: [], environment: {}, pidCommand: '',
    dataDirectory: false, runAs: '', limits: { openFiles: 0, processes: 0, nice: 0, memoryBytes: 0 }, needs: { memoryBytes: 0, diskBytes: 0 }, commands: [],
  });
  t.strictSame(notes, []);
  t.equal(isErlangRelease({ layout: 'plain', manifest, templateTexts: {} }), false, 'a name alone makes no Erlang node');
  t.end();
});

t.test('relx fills itself', (t) => {
  const { manifest, notes } = fillManifest({}, relxInspection());
  t.match(manifest, { start: 'bin/riak foreground', stop: '', nodeName: 'riak', mode: 'foreground', ready: { kind: 'erlang' } });
  t.strictSame(manifest.templates, ['releases/3.0/vm.args']);
  t.strictSame(notes, []);
  t.equal(isErlangRelease({ layout: 'relx', manifest, templateTexts: {} }), true);
  t.end();
});

t.test('what classic scripts are told becomes what it means, and is told', (t) => {
  for (const start of ['bin/riak start', './bin/riak daemon', ' bin/riak  start ']) {
    const { manifest, notes } = fillManifest({ start, stop: 'bin/riak stop' }, relxInspection());
    t.match(manifest, { start: 'bin/riak foreground', stop: '', mode: 'foreground' }, start);
    t.match(notes, [/became "bin\/riak foreground"/, /keeps the cookie out/]);
  }
  const asked = fillManifest({ start: 'bin/riak daemon', mode: 'daemon' }, relxInspection());
  t.match(asked, { manifest: { start: 'bin/riak daemon', mode: 'daemon' }, notes: [/shows the cookie on a command line/] }, 'a daemon that was asked for stays one');
  const own = fillManifest({ start: 'bin/riak console_boot start', stop: 'bin/riak stop now' }, relxInspection());
  t.match(own, { manifest: { start: 'bin/riak console_boot start', stop: 'bin/riak stop now' }, notes: [] }, 'other commands are kept');
  const old = relxInspection({ 'bin/riak': '#!/bin/sh\nRUNNER_BASE_DIR=x\n# foreground) is missing\ncase "$1" in\nstart)\n;;\nesac\n' });
  t.match(fillManifest({ start: 'bin/riak start' }, old), { manifest: { start: 'bin/riak start', mode: 'daemon' }, notes: [/knows no foreground/] });
  t.end();
});

t.test('what the script of an OTP release would be asked with the cookie in its argv is asked without it', (t) => {
  const { manifest, notes } = fillManifest({ mode: 'daemon', start: 'bin/riak daemon', ready: { kind: 'command', command: './bin/riak ping' }, pidCommand: 'bin/riak pid' }, relxInspection());
  t.match(manifest, { ready: { kind: 'erlang' }, pidCommand: '', start: 'bin/riak daemon', mode: 'daemon' });
  t.match(notes, [/as a daemon/, /ready .* keeps the cookie out/, /pidCommand .* keeps the cookie out/]);
  const own = fillManifest({ ready: { kind: 'command', command: 'bin/riak ping twice' }, pidCommand: 'cat riak.pid' }, relxInspection());
  t.match(own, { manifest: { ready: { kind: 'command', command: 'bin/riak ping twice' }, pidCommand: 'cat riak.pid' }, notes: [] }, 'other commands are kept');
  t.end();
});

t.test('mix starts in the foreground by "start"', (t) => {
  t.match(fillManifest({}, mixInspection()).manifest, { start: 'bin/shop start', nodeName: 'shop', mode: 'foreground', templates: ['releases/0.3.0/vm.args', 'releases/0.3.0/env.sh', 'bin/shop'] });
  t.match(fillManifest({ start: 'bin/shop start' }, mixInspection()), { manifest: { start: 'bin/shop start' }, notes: [] });
  t.match(fillManifest({ start: 'bin/shop daemon' }, mixInspection()).manifest, { start: 'bin/shop start' });
  t.end();
});

t.test('the files that hold a configuration are found', (t) => {
  const source = relxInspection({ 'releases/3.0/vm.args.src': '-name ${NAME}@x\n', 'releases/3.0/sys.config': '[{a,{{node.ordinal}}}].' });
  const { manifest } = fillManifest({ templates: ['./releases/3.0/sys.config'] }, source);
  t.strictSame(manifest.templates, ['releases/3.0/vm.args.src', 'releases/3.0/sys.config'], 'the source is rendered where there is one, and none twice');
  t.equal(fillManifest({ nodeName: 'other' }, source).manifest.nodeName, 'other');
  t.equal(fillManifest({}, inspectionOf({ ...relxInspection().texts, 'releases/3.0/vm.args': '-name ${N}\n' })).manifest.nodeName, 'riak', 'a name that is no text is that of the release');
  t.end();
});

t.test('two braces make no template of an Erlang term', (t) => {
  const terms = relxInspection({ 'releases/3.0/sys.config': '[{a,[{{127,0,0,1},8080}]}].' });
  t.strictSame(fillManifest({}, terms).manifest.templates, ['releases/3.0/vm.args']);
  t.throws(() => fillManifest({ templates: ['releases/3.0/sys.config'] }, terms), { code: 'WO_TEMPLATE_INVALID', hint: /write "\{ \{"/ }, 'asked for as one it is told how to write them');
  const mix = mixInspection();
  const braces = { ...mix, texts: { ...mix.texts, 'bin/shop': `${mix.texts['bin/shop']}\n# {{not ours}}\n` } };
  t.ok(fillManifest({}, braces).manifest.templates.includes('bin/shop'), 'nor does a start script have placeholders');
  t.end();
});

t.test('empty values mean "not said"', (t) => {
  t.match(fillManifest({ start: '', templates: [], readyTimeoutMs: 0, environment: {} }, relxInspection()).manifest, { start: 'bin/riak foreground', readyTimeoutMs: 60_000 });
  t.end();
});

t.test('what a plain release says makes it an Erlang node', (t) => {
  const { manifest } = fillManifest({ start: 'bin/run', nodeName: 'x' }, plainInspection());
  t.equal(isErlangRelease({ layout: 'plain', manifest, templateTexts: { 'etc/vm.args': '' } }), true, 'a vm.args');
  t.equal(isErlangRelease({ layout: 'plain', manifest, templateTexts: { 'etc/x': '{{node.erlangName}}' } }), true, 'its name in a template');
  t.equal(isErlangRelease({ layout: 'plain', manifest: { ...manifest, ready: { kind: 'erlang' } }, templateTexts: {} }), true, 'its ready check');
  t.equal(isErlangRelease({ layout: 'relx', manifest: { ...manifest, nodeName: '' }, templateTexts: {} }), false, 'without a name it is none');
  t.end();
});

const port = { name: 'http', protocol: 'tcp', number: 0 } as const;
const refused: [string, Parameters<typeof fillManifest>[0], RegExp, string?][] = [
  ['no start', {}, /nothing says how to start/],
  ['a shell line', { start: 'bin/run > log' }, /> is for a shell/],
  ['a missing program', { start: 'bin/rn' }, /bin\/rn, which is not in the tarball; the nearest is bin\/run/],
  ['a missing stop program', { start: 'bin/run', stop: 'bin/sto' }, /stop runs bin\/sto.*nearest is bin\/stop/],
  ['a file that is not executable', { start: 'etc/data' }, /not executable/],
  ['an absolute program', { start: '/bin/sh -c x' }, /without a slash/],
  ['a folder', { start: 'bin/' }, /not in the tarball/],
  ['a program outside', { start: '../bin/run' }, /not in the tarball/],
  ['an unknown name in the command', { start: 'bin/run {{node.prt}}' }, /not known/, 'WO_TEMPLATE_INVALID'],
  ['a missing template', { start: 'bin/run', templates: ['etc/vm.args'] }, /etc\/vm\.args is not in the tarball/, 'WO_TEMPLATE_MISSING'],
  ['a template outside', { start: 'bin/run', templates: ['../x'] }, /no path inside/],
  ['a shared path outside', { start: 'bin/run', sharedPaths: ['/'] }, /no path inside/],
  ['a bad node name', { start: 'bin/run', nodeName: 'a b' }, /node name/],
  ['an Erlang check without a name', { start: 'bin/run', ready: { kind: 'erlang' } }, /no node name/],
  ['a port twice', { start: 'bin/run', ports: [port, port] }, /twice/],
  ['a bad port name', { start: 'bin/run', ports: [{ ...port, name: 'a.b' }] }, /port name/],
  ['a bad port', { start: 'bin/run', ports: [{ ...port, number: 70_000 }] }, /65535/],
  ['a check of an unknown port', { start: 'bin/run', ports: [port], ready: { kind: 'port', port: 'htp' } }, /nearest is http/],
  ['an empty check', { start: 'bin/run', ready: { kind: 'command', command: '' } }, /ready is empty/],
  ['a bad variable', { start: 'bin/run', environment: { 'A=B': 'x' } }, /environment variable/],
  ['an endless wait', { start: 'bin/run', readyTimeoutMs: Infinity }, /timeout/],
];
for (const [what, input, message, code = 'WO_MANIFEST_INVALID'] of refused) {
  t.test(`${what} is refused`, (t) => {
    t.throws(() => fillManifest(input, plainInspection()), { code, message });
    t.end();
  });
}

t.test('a program may be looked up in PATH, or be a link to one', (t) => {
  fillManifest({ start: 'sleep 1000' }, plainInspection());
  const linked = inspectionOf({ 'bin/run': '#!/bin/sh\n' }, { current: { kind: 'link', target: 'bin' }, go: { kind: 'link', target: 'current/../bin/run' }, loop: { kind: 'link', target: 'loop' } });
  for (const start of ['./go', 'current/run', './bin//run']) t.equal(fillManifest({ start }, linked).manifest.start, start);
  t.throws(() => fillManifest({ start: './loop' }, linked), { message: /not in the tarball/ });
  t.end();
});
