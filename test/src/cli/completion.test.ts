import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { launchers, without } from '../support/checkout.js';
import { Terminal } from '../support/terminal.js';
import { Workshop } from '../support/workshop.js';

/** How a shell is started bare, and how it takes in the script. */
const shells = {
  bash: { argv: ['bash', '--norc', '--noprofile', '-i'], load: 'PS1="$ "; bind "set enable-bracketed-paste off"; source <(wo completion bash)' },
  zsh: { argv: ['zsh', '-f', '-i'], load: 'unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; bindkey -e; source <(wo completion zsh)' },
  fish: { argv: ['fish', '--no-config', '-i'], load: 'wo completion fish | source' },
} as const;
type Shell = keyof typeof shells;

const odd = `it's "odd" $HOME & more`;

type Line = readonly [typed: string, words: readonly string[]];

/** What is typed before the tab key, and the words that the shell then has: in each shell, in every run. */
const quoting: readonly Line[] = [
  ['deploy-n', ['deploy-nodes']],
  ['status Ri', ['status', 'Riak node family']],
  ['status "Riak no', ['status', 'Riak node family']],
  ["status 'Riak no", ['status', 'Riak node family']],
  ['status Riak\\ no', ['status', 'Riak node family']],
  ['status it', ['status', odd]],
  ['status "it', ['status', odd]],
  ["status 'it", ['status', odd]],
  ['status a:', ['status', 'a:b=c@d']],
  ['node list --family=Ri', ['node', 'list', '--family=Riak node family']],
  ['-o ys', ['-o', 'ys']],
];

/** What wo itself decides: one shell shows it. */
const choices: readonly Line[] = [
  ['family cre', ['family', 'create']],
  ['node list --phase ru', ['node', 'list', '--phase', 'running']],
  ['node list --phase=ru', ['node', 'list', '--phase=running']],
  ['deploy-nodes web --am', ['deploy-nodes', 'web', '--amount']],
  ['create-family x --clust erlang-m', ['create-family', 'x', '--clust', 'erlang-mesh']],
  ['create-family x --sel ol', ['create-family', 'x', '--sel', 'oldest']],
  ['add-domain "Riak node family" laptop lo', ['add-domain', 'Riak node family', 'laptop', 'local']],
  ['explain WO_AMBIG', ['explain', 'WO_AMBIGUOUS']],
  ['explain no-such-thing', ['explain', 'no-such-thing']],
];

t.test('completion in the shells themselves, with live names', { skip: without('python3') }, async (t) => {
  const workshop = await Workshop.open(t);
  await workshop.ok('register-provider', 'laptop', 'local');
  for (const name of ['Riak node family', 'web', odd, 'a:b=c@d']) await workshop.ok('create-family', name);
  const bin = join(workshop.directory, 'bin');
  await mkdir(bin);
  await symlink(launchers.wo, join(bin, 'wo'));
  const environment = { WO_CONFIG_DIR: workshop.directory, HOME: workshop.directory, PATH: `${bin}:${process.env['PATH'] ?? ''}`, INPUTRC: '/dev/null' };
  for (const shell of Object.keys(shells) as Shell[]) {
    await t.test(shell, { skip: without(shell) }, async (t) => completeIn(t, shell, environment, shell === 'bash' || process.env['WOMBAT_TEST_FULL'] ? [...quoting, ...choices] : quoting));
  }
});

async function completeIn(t: Test, shell: Shell, environment: Readonly<Record<string, string>>, lines: readonly Line[]): Promise<void> {
  const { argv, load } = shells[shell];
  const terminal = new Terminal(argv, { environment, columns: 200 });
  t.teardown(() => terminal.close());
  terminal.type(`${load}; printf '%s\\n' rea''dy\n`);
  let seen = await terminal.until('ready\r\n');
  for (const [typed, words] of lines) {
    const wanted = ['wo', ...words].map((word) => `<${word}>`).join('');
    let shown = '';
    // A busy machine may need longer than wo waits for names: whoever sits there begins again.
    for (let attempt = 0; attempt < 5 && shown !== wanted; attempt++) {
      terminal.type(`wo ${typed}\t`);
      // Keys are taken in their order: what comes behind the tab is read when the completion is there.
      terminal.type("\x01printf '<%s>' \x05 'end'\n");
      seen = await terminal.until('<end>', seen, { withinMs: 8_000 }).catch(() => freshPrompt(terminal));
      shown = /((?:<[^<>]*>)*)<end>$/.exec(terminal.output.slice(0, seen))?.[1] ?? '';
    }
    t.equal(shown, wanted, `wo ${typed}<tab>`);
  }
}

/** Out of a quote that is still open. */
async function freshPrompt(terminal: Terminal): Promise<number> {
  terminal.type('\x03');
  // Ctrl-C also throws away what is typed before the shell has seen it.
  await sleep(1_000);
  return terminal.output.length;
}
