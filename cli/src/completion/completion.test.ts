import { ListFamiliesResponse, ListImagesResponse, ListNodesResponse, ListOperationsResponse, ListPluginsResponse } from '@wombat/proto/control';
import { PluginKind } from '@wombat/proto/plugin';
import t, { type Test } from 'tap';
import { commands } from '../commands/registry.js';
import { FakeCoordinator, type Handlers } from '../testing/fake-coordinator.js';
import { family, metadata, node, operation } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';
import { replacementFor, splitLine } from './shell-words.js';

const breaks = ' \t\n"\'@><=;|&(:';

async function coordinator(t: Test, handlers: Handlers): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = handlers;
  return fake;
}

/** The candidates for the last of the words, without what is said about them. */
async function candidates(fake: FakeCoordinator | undefined, ...words: readonly string[]): Promise<string[]> {
  const ran = await runWo(fake, ['__complete', 'zsh', '--', ...words]);
  if (ran.exit !== 0 || ran.stderr !== '') throw new Error(`completion exits ${ran.exit} and says ${ran.stderr}`);
  return ran.stdout.trimEnd().split('\n').slice(1).map((line) => line.split('\t')[0]!);
}

t.test('what the commands themselves say needs no coordinator', async (t) => {
  const names = await candidates(undefined, '');
  for (const { path, short } of commands) {
    t.ok(names.includes(path.split(' ')[0]!), `${path.split(' ')[0]} is offered`);
    if (short) t.ok(names.includes(short), `${short} is offered`);
    const words = path.split(' ');
    if (words.length === 2) t.ok((await candidates(undefined, words[0]!, '')).includes(words[1]!), `${path} is offered behind its noun`);
  }
  t.same(await candidates(undefined, 'help', 'family', 'cre'), ['create'], 'behind help too');
  t.same(await candidates(undefined, 'deploy-nodes', 'web', '--am'), ['--amount']);
  t.same(await candidates(undefined, '-o', 'js'), ['json', 'jsonl'], 'the value of a global flag before the command');
  t.same(await candidates(undefined, 'node', 'list', '--phase=fa'), ['--phase=failed'], 'behind = the whole word');
  t.same(await candidates(undefined, 'exec', 'web', '--', 'ls', '--'), [], 'nothing of ours in a remote command');
  t.same(await candidates(undefined, 'no-such', 'x'), []);
  t.equal((await runWo(undefined, ['__complete', 'zsh', '--', 'upload-release', 'x', ''])).stdout, 'files\n');
  t.equal((await runWo(undefined, ['__complete', 'zsh', '--', 'dev', '--dir', ''])).stdout, 'directories\n');
});

t.test('live names: all sources of an argument, all pages, ids where one is begun', async (t) => {
  const fake = await coordinator(t, {
    listFamilies: ({ page }) => ListFamiliesResponse.fromPartial(page?.pageToken ? { families: [family('second')] } : { families: [family('Riak node family')], page: { nextPageToken: '2' } }),
    listNodes: () => ListNodesResponse.fromPartial({ nodes: [node('web-1')] }),
    listOperations: () => ListOperationsResponse.fromPartial({ operations: [operation(['web-1'])] }),
    listPlugins: () => ListPluginsResponse.fromPartial({ plugins: [{ description: { name: 'local', kind: PluginKind.PROVIDER } }, { description: { name: 'none', kind: PluginKind.BOOTSTRAP_STRATEGY } }] }),
    listImages: ({ provider }) => ListImagesResponse.fromPartial({ images: [{ id: `image-of-${provider}` }] }),
  });
  // The first to ask finds cold code, and whoever completes has no patience.
  await candidates(fake, 'status', '');
  t.same(await candidates(fake, 'status', ''), ['Riak node family', 'second']);
  t.same((await candidates(fake, 'node', 'stop', '')).sort(), ['Riak node family', 'second', 'web-1'], 'nodes and families, of every page');
  t.same((await candidates(fake, 'node', 'stop', 'web-1', 'we')), ['web-1'], 'the last argument takes more');
  t.same(await candidates(fake, 'status', 'fam-'), ['fam-aaaaaaaaaaaa'], 'an id');
  t.same(await candidates(fake, 'operation', 'watch', ''), ['op-aaaaaaaaaaaa']);
  t.same(await candidates(fake, 'register-provider', 'x', ''), ['local'], 'drivers only');
  t.same(await candidates(fake, 'create-family', 'x', '--clust', ''), ['none'], 'strategies only');
  t.same(await candidates(fake, 'add-domain', 'web', 'laptop', ''), ['image-of-laptop'], 'of the provider before it');
});

t.test('names that would do harm are not offered', async (t) => {
  const names = ['fine', 'bell\u0007', 'line\nfeed', 'tab\tbed', 'esc\u001b[31m', 'turned\u202e', '-flag'];
  const fake = await coordinator(t, { listFamilies: () => ListFamiliesResponse.fromPartial({ families: names.map((name) => family(name)) }), listNodes: () => ListNodesResponse.fromPartial({ nodes: [{ metadata: metadata('node-aaaaaaaaaaaa', 'web-1'), familyName: 'a\u001b[31m\tb' }] }) });
  t.same(await candidates(fake, 'status', ''), ['fine']);
  const { stdout } = await runWo(fake, ['__complete', 'zsh', '--', 'node', 'show', '']);
  t.equal(stdout, 'words\nweb-1\ta\\x1b[31m b\n', 'also not in what is said about them');
});

t.test('a coordinator that does not answer costs 0.3 s, and nothing is said', async (t) => {
  const fake = await coordinator(t, { listFamilies: () => new Promise(() => {}) });
  const begin = performance.now();
  t.same(await candidates(fake, 'exec', ''), []);
  const tookMs = performance.now() - begin;
  t.ok(tookMs >= 250 && tookMs < 5_000, `it took ${tookMs} ms`);
  t.ok(fake.calls.includes('listFamilies'), 'it was asked');
});

t.test('no coordinator, no token, a broken configuration: nothing is offered, nothing said, exit 0', async (t) => {
  const fake = await coordinator(t, {});
  const env = { WO_CONFIG_DIR: fake.configDirectory };
  for (const more of [{ WO_ADDR: '127.0.0.1:1' }, { WO_TOKEN_FILE: '/nonexistent' }, { WO_CONTEXT: 'none' }, {}]) {
    const ran = await runWo(undefined, ['__complete', 'bash', breaks, 'wo status '], { env: { ...env, ...more } });
    t.same(ran, { exit: 0, stdout: 'words\n', stderr: '' }, JSON.stringify(more));
  }
  const broken = t.testdir({ 'config.toml': '= [' });
  for (const line of ['wo --context ', 'wo context use ', 'wo status ']) {
    t.same(await runWo(undefined, ['__complete', 'bash', breaks, line], { env: { WO_CONFIG_DIR: broken } }), { exit: 0, stdout: 'words\n', stderr: '' }, line);
  }
  t.match(await runWo(undefined, ['__complete']), { exit: 0, stdout: /^words\n/, stderr: '' }, 'called by hand');
});

t.test('contexts come from the configuration', async (t) => {
  const fake = await coordinator(t, {});
  t.same(await candidates(fake, 'context', 'use', ''), ['test']);
  t.same(await candidates(fake, '--context', 't'), ['test']);
});

t.test('a line is split as bash does, and what is put in reads as the name again', async (t) => {
  t.same(splitLine('wo status "a b" c\\ d e'), { words: ['wo', 'status', 'a b', 'c d'], last: { text: 'e', kept: 0, quote: '' } });
  t.match(splitLine('wo x '), { words: ['wo', 'x'], last: { text: '' } });
  t.match(splitLine('wo --phase=ru', breaks), { last: { text: '--phase=ru', kept: 8 } });
  t.match(splitLine('wo --phase=ru', ' '), { last: { text: '--phase=ru', kept: 0 } }, 'where = is no break, the whole word is replaced');
  t.match(splitLine('wo "a b\\"', breaks), { last: { text: 'a b"', kept: 0, quote: '"' } });
  t.match(splitLine('wo a\\', breaks), { last: { text: 'a', quote: '' } });
  const names = ['Riak node family', `it's "odd" $HOME \`x\` \\ !y`, 'a:b=c@d', 'ü ñ 日本', '~home', '#x', '*?[a]{b}'];
  for (const name of names) {
    for (const begun of ['', '"', "'"]) {
      const { last } = splitLine(`wo ${begun}`, breaks);
      const entered = `wo ${begun}${replacementFor(name, last)}${begun} `;
      t.same(splitLine(entered, breaks).words, ['wo', name], entered);
    }
  }
});
