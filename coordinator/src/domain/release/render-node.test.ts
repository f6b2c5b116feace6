import t from 'tap';
import type { Inspection } from './inspection.js';
import { fillManifest } from './fill-manifest.js';
import type { ManifestInput } from './manifest-input.js';
import { renderNode, type RenderInput } from './render-node.js';
import { inspectionOf, mixInspection, plainInspection, relxInspection } from './testing/inspections.js';

function inputOf(given: ManifestInput, inspection: Inspection, changed: Partial<RenderInput> = {}): RenderInput {
  const { manifest } = fillManifest(given, inspection);
  const templateTexts = Object.fromEntries(manifest.templates.map((path) => [path, inspection.texts[path]!]));
  return {
    release: { name: 'riak', version: '3.0', layout: inspection.layout, manifest, templateTexts },
    node: {
      id: 'node-aaaaaaaaaaaa', name: 'riak-3', ordinal: 3, address: '127.7.7.2', erlangName: 'riak-3@127.7.7.2', distributionPort: 30_001,
      ports: manifest.ports.map((port) => ({ ...port, number: port.number || 8_098 })),
    },
    epmdPort: 14_369,
    family: { id: 'fam-aaaaaaaaaaaa', name: 'Riak node family', environment: {}, secretNames: [] },
    host: { id: 'host-aaaaaaaaaaaa', name: 'host-1', region: 'eu', zone: 'eu-a' },
    contacts: [
      { name: 'riak-1', erlangName: 'riak-1@127.7.7.1', address: '127.7.7.1', ports: [{ name: 'http', number: 8_001 }] },
      { name: 'riak-2', erlangName: 'riak-2@127.7.7.1', address: '127.7.7.1', ports: [{ name: 'http', number: 8_002 }] },
    ],
    strategy: { seed: 'riak-1' },
    ...changed,
  };
}

t.test('a relx node has its own name and no cookie', (t) => {
  const rendered = renderNode(inputOf({}, relxInspection()));
  t.match(rendered, { start: ['bin/riak', 'foreground'], stop: [], ready: { kind: 'erlang' }, isErlang: true });
  t.strictSame(rendered.environment, {}, 'what names the node is the agent`s to add');
  t.strictSame(rendered.files.map(({ path, mode }) => ({ path, mode })), [{ path: 'releases/3.0/vm.args', mode: 0 }]);
  const { text } = rendered.files[0]!;
  t.match(text, /^\+K true\n[^]*\n-name riak-3@127\.7\.7\.2\n-start_epmd false\n-kernel inet_dist_use_interface \{127,7,7,2\}\n-kernel inet_dist_listen_min 30001\n/);
  t.notMatch(text, /setcookie|riak@127/);
  t.end();
});

t.test('a vm.args with placeholders keeps what they say', (t) => {
  const text = '-name {{node.erlangName}}\n-setcookie x\n-kernel inet_dist_listen_min {{node.distributionPort}} inet_dist_listen_max {{node.distributionPort}}\n';
  const rendered = renderNode(inputOf({}, relxInspection({ 'releases/3.0/vm.args': text }))).files[0]!.text;
  t.equal(rendered, '-name riak-3@127.7.7.2\n-kernel inet_dist_listen_min 30001 inet_dist_listen_max 30001\n-start_epmd false\n-kernel inet_dist_use_interface {127,7,7,2}\n');
  const fixedName = renderNode(inputOf({}, relxInspection({ 'releases/3.0/vm.args': '-name fixed@127.0.0.1\n-env ZONE {{host.zone}}\n' }))).files[0]!.text;
  t.match(fixedName, /^-env ZONE eu-a\n[^]*-name riak-3@127\.7\.7\.2\n/, 'a fixed name is replaced all the same');
  t.notMatch(fixedName, /fixed/);
  t.end();
});

t.test('a mix node keeps its cookie out of argv', (t) => {
  const rendered = renderNode(inputOf({}, mixInspection(), { family: { id: 'f', name: 'shop', environment: { RELEASE_DISTRIBUTION: 'name', LANG: 'C' }, secretNames: [] } }));
  t.match(rendered.environment, { RELEASE_DISTRIBUTION: 'none', LANG: 'C' });
  t.match(rendered.files.find((file) => file.path.endsWith('env.sh'))?.text, /\nexport RELEASE_DISTRIBUTION=none\n$/);
  const script = rendered.files.find((file) => file.path === 'bin/shop')?.text ?? '';
  t.match(script, /--hidden --name x/);
  t.notMatch(script, /cookie "|\$RELEASE_COOKIE/, 'no cookie is passed on');
  t.match(rendered.files.find((file) => file.path.endsWith('vm.args'))?.text, /-name riak-3@127\.7\.7\.2/);
  t.end();
});

t.test('a plain node: names in files, commands and environment', (t) => {
  const texts = {
    'bin/run': '#!/bin/sh\n',
    'etc/app.conf': [
      'id={{node.id}} {{node.name}} {{node.ordinal}} {{node.address}} {{node.port.http}} {{family.name}} {{family.id}} {{host.id}} {{host.name}} {{host.region}} {{host.zone}}',
      'release={{release.name}} {{release.version}} strategy={{strategy.seed}} lang={{environment.LANG}}',
      'data={{node.dataDir}} home={{node.homeDir}} root={{node.rootDir}}',
      'peers={{#contacts}}{{address}}:{{port.http}}{{comma}}{{/contacts}} {{contactNames}} {{contactsErlang}}',
    ].join('\n'),
    'etc/secret.conf': 'password={{secret:DB}}',
  };
  const input = inputOf(
    { start: `bin/run --http {{node.port.http}} '{{family.name}}'`, stop: 'bin/run stop', templates: ['etc/app.conf', 'etc/secret.conf'], ports: [{ name: 'http', protocol: 'tcp', number: 0 }], ready: { kind: 'port', port: 'http' }, environment: { LANG: 'C', MODE: 'a' } },
    { ...inspectionOf(texts), texts },
    { family: { id: 'fam-1', name: 'My family', environment: { MODE: 'b' }, secretNames: ['DB'] } },
  );
  const rendered = renderNode(input);
  t.strictSame(rendered.start, ['bin/run', '--http', '8098', 'My family'], 'a value with a blank stays one word');
  t.strictSame(rendered.stop, ['bin/run', 'stop']);
  t.strictSame(rendered.ready, { kind: 'port', port: 'http' });
  t.equal(rendered.isErlang, false);
  t.strictSame(rendered.environment, { LANG: 'C', MODE: 'b' }, 'the family`s wins over the release`s');
  t.equal(
    rendered.files[0]!.text,
    [
      'id=node-aaaaaaaaaaaa riak-3 3 127.7.7.2 8098 My family fam-1 host-aaaaaaaaaaaa host-1 eu eu-a',
      'release=riak 3.0 strategy=riak-1 lang=C',
      'data={{path:data}} home={{path:home}} root={{path:root}}',
      `peers=127.7.7.1:8001,127.7.7.1:8002 riak-1@127.7.7.1,riak-2@127.7.7.1 ['riak-1@127.7.7.1','riak-2@127.7.7.1']`,
    ].join('\n'),
  );
  t.strictSame(rendered.files[1], { path: 'etc/secret.conf', text: 'password={{secret:DB}}', mode: 0o600 }, 'a file with a secret is for its owner only');
  t.end();
});

t.test('contacts that are no Erlang nodes are named by name and address', async (t) => {
  const inspection = { ...inspectionOf({ 'bin/run': '#!/bin/sh\n', 'etc/peers': '{{contactNames}}' }), texts: { 'bin/run': '#!/bin/sh\n', 'etc/peers': '{{contactNames}}' } };
  const contacts = ['echo-1', 'echo-2'].map((name, index) => ({ name, erlangName: '', address: `127.7.7.${index + 1}`, ports: [] }));
  const rendered = renderNode(inputOf({ start: 'bin/run', templates: ['etc/peers'] }, inspection, { contacts }));
  t.equal(rendered.files[0]?.text, 'echo-1@127.7.7.1,echo-2@127.7.7.2');
});

t.test('a ready command is words too', (t) => {
  const rendered = renderNode(inputOf({ start: 'bin/run', ready: { kind: 'command', command: 'bin/run ping' } }, plainInspection()));
  t.strictSame(rendered.ready, { kind: 'command', argv: ['bin/run', 'ping'] });
  t.end();
});

t.test('a daemon of relx has its pipes in its own root', (t) => {
  t.match(renderNode(inputOf({ start: 'bin/riak daemon', mode: 'daemon' }, relxInspection())).environment, { PIPE_DIR: '{{path:root}}/pipes/' });
  t.end();
});

t.test('what grows beyond the limit or names what the family lacks is refused', (t) => {
  const large = { 'bin/run': '#!/bin/sh\n', 'etc/big': `{{#contacts}}${'x'.repeat(30_000)}{{/contacts}}` };
  t.throws(() => renderNode(inputOf({ start: 'bin/run', templates: ['etc/big'] }, { ...inspectionOf(large), texts: large })), { code: 'WO_TEMPLATE_TOO_LARGE' });
  const open = { 'bin/run': '#!/bin/sh\n', 'etc/x': '{{strategy.sed}}' };
  t.throws(() => renderNode(inputOf({ start: 'bin/run', templates: ['etc/x'] }, { ...inspectionOf(open), texts: open })), { code: 'WO_TEMPLATE_INVALID', message: /nearest is strategy\.seed/ });
  t.end();
});

t.test('the same input gives the same node', (t) => {
  t.strictSame(renderNode(inputOf({}, relxInspection())), renderNode(inputOf({}, relxInspection())));
  t.end();
});

t.test('a secret stands in files alone, and takes the place of an open variable', (t) => {
  const texts = { 'bin/run': '#!/bin/sh\n', 'etc/a': '{{secret:DB}}' };
  const manifest = { start: 'bin/run', templates: ['etc/a'], environment: { DB: 'from the release', MODE: 'a' } };
  const family = { id: 'fam-1', name: 'f', environment: {}, secretNames: ['DB'] };
  const input = inputOf(manifest, { ...inspectionOf(texts), texts }, { family });
  t.strictSame(renderNode(input).environment, { MODE: 'a' }, 'the host adds the secret');
  t.throws(() => renderNode({ ...input, family: { ...family, secretNames: ['DBX'] } }), { code: 'WO_TEMPLATE_INVALID', message: /no secret DB; the nearest is DBX/, hint: /--secret DB=/ });
  const { release } = input;
  const shouting = { ...release, manifest: { ...release.manifest, start: 'bin/run --password {{secret:DB}}' } };
  t.throws(() => renderNode({ ...input, release: shouting }), { code: 'WO_TEMPLATE_INVALID', message: /start, line 1: .* command/ });
  t.throws(() => inputOf({ ...manifest, start: 'bin/run {{secret:DB}}' }, { ...inspectionOf(texts), texts }), { code: 'WO_TEMPLATE_INVALID' }, 'at upload already');
  t.end();
});
