import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { without } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { processesIn } from '../support/processes.js';
import type { Terminal, TerminalOptions } from '../support/terminal.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const ctrlC = '\x03';
/** Starts, and is never ready. */
const scripts = [{ name: 'start', lines: ['exec sleep 1000000'] }, { name: 'check', lines: ['exit 1'] }];
const manifest = 'apiVersion: wombat/v1\nready:\n  command: bin/check\n  timeout: 10m\n';

t.test('what only a terminal shows', { skip: without('python3') }, async (t) => {
  const workshop = await Workshop.open(t);
  const onTerminal = (words: readonly string[], options: TerminalOptions = {}): Terminal => {
    const terminal = workshop.terminal(words, options);
    t.teardown(() => terminal.close());
    return terminal;
  };
  const manifestFile = join(workshop.directory, 'never-ready.yaml');
  await writeFile(manifestFile, manifest);
  const { family } = await prepareSleepers(workshop, { scripts, upload: ['--manifest', manifestFile] });

  await t.test('Ctrl-C detaches after two seconds, with exit 6, and says how to go on', async (t) => {
    const terminal = onTerminal(['deploy-nodes', family, '--amount', '2']);
    await terminal.until(/starting/);
    terminal.type(ctrlC);
    await terminal.until('Ctrl-C again within 2 s');
    t.equal(await terminal.ended, 6);
    const id = /still running; `wo operation watch (op-[a-z2-7]{12})`, `wo operation cancel \1`/.exec(terminal.output)?.[1] ?? '';
    t.match(id, /^op-/, 'both commands are told');
    t.match(JSON.parse(await workshop.ok('operation', 'show', id, '-o', 'json')), { operation: { state: 'OPERATION_STATE_RUNNING' } }, 'it runs on');

    const again = onTerminal(['operation', 'watch', id]);
    await again.until(/starting/);
    again.type(ctrlC);
    const asked = await again.until('Ctrl-C again within 2 s');
    again.type(ctrlC);
    await again.until(`cancel ${id}? [y/N]`, asked);
    again.type('y\r');
    t.equal(await again.ended, 1, 'the second asks, and a cancelled operation exits 1');
    t.match(again.output, /cancelled in/);
    t.match(JSON.parse(await workshop.ok('operation', 'show', id, '-o', 'json')), { operation: { state: 'OPERATION_STATE_CANCELLED' } });
    const replay = expectExit(t, await workshop.wo('operation', 'watch', id), 1);
    t.match(replay.stderr, /pending[^]*starting/, 'watching it anew shows it from its first event');
    t.strictSame(await workshop.fleet.nodes(), [], 'nodes that were not running yet are taken back');
  });

  await t.test('the third Ctrl-C leaves at once, with 130', async (t) => {
    const terminal = onTerminal(['deploy-nodes', family, '--amount', '1']);
    await terminal.until(/starting/);
    terminal.type(ctrlC);
    const warned = await terminal.until('Ctrl-C again within 2 s');
    terminal.type(ctrlC);
    await terminal.until('[y/N]', warned);
    terminal.type(ctrlC);
    t.equal(await terminal.ended, 130);
    const [operation] = (JSON.parse(await workshop.ok('operation', 'list', '-o', 'json')) as { operations: { metadata: { id: string }; state: string }[] }).operations;
    t.equal(operation?.state, 'OPERATION_STATE_RUNNING', 'nobody said yes: it runs on');
  });

  await t.test('exec the same way, with the commands of a job', async (t) => {
    const terminal = onTerminal(['exec', '--all', family, '--', 'sleep', '97531']);
    await terminal.until('0 of 1 target');
    terminal.type(ctrlC);
    await terminal.until('Ctrl-C again within 2 s');
    t.equal(await terminal.ended, 6);
    const id = /still running; `wo job watch (job-[a-z2-7]{12})`, `wo job cancel \1`/.exec(terminal.output)?.[1] ?? '';
    t.match(id, /^job-/, 'both commands are told');

    const again = onTerminal(['job', 'watch', id]);
    await again.until('0 of 1 target');
    again.type(ctrlC);
    const asked = await again.until('Ctrl-C again within 2 s');
    again.type(ctrlC);
    await again.until(`cancel ${id}? [y/N]`, asked);
    again.type('y\r');
    t.equal(await again.ended, 1);
    t.match(again.output, /killed/);
    await until('the command is dead', () => processesIn(workshop.directory).every(({ argv }) => !argv.includes('97531')) || notYet('it runs'));
  });

  await t.test('a secret is asked for without echo', async (t) => {
    const terminal = onTerminal(['register-provider', 'hidden', '-', 'local']);
    await terminal.until('credential 1: ');
    terminal.type('canary-4711\r');
    // The driver takes none: refused by the coordinator, so the secret has gone all the way.
    t.not(await terminal.ended, 0);
    t.match(terminal.output, /error WO_/);
    t.notMatch(terminal.output, /canary/, 'what was typed is not shown');
    t.notMatch(readFileSync(workshop.coordinator.log, 'utf8'), /canary/, 'nor logged');
  });

  await t.test('what destroys asks for the name', async (t) => {
    await workshop.ok('create-family', 'short lived');
    const wrong = onTerminal(['family', 'remove', 'short lived']);
    await wrong.until('type its name');
    wrong.type('short\r');
    t.equal(await wrong.ended, 2, 'another name is a no');
    t.match(wrong.output, /WO_CONFIRMATION_NEEDED/);
    await workshop.ok('family', 'show', 'short lived');
    const right = onTerminal(['family', 'remove', 'short lived']);
    await right.until('type its name');
    right.type('short lived\r');
    t.equal(await right.ended, 0);
    expectExit(t, await workshop.wo('family', 'show', 'short lived'), 5);
  });

  await t.test('colours, and tables as wide as the window', async (t) => {
    const has = async (words: readonly string[], environment: Record<string, string> = {}): Promise<boolean> => {
      const terminal = onTerminal(words, { environment });
      await terminal.ended;
      return terminal.output.includes('\x1b[');
    };
    t.equal(await has(['family', 'list']), true, 'a terminal has them');
    t.equal(await has(['family', 'list'], { NO_COLOR: '1' }), false, 'NO_COLOR');
    t.equal(await has(['family', 'list'], { TERM: 'dumb' }), false, 'TERM=dumb');
    t.equal(await has(['family', 'list', '--no-color'], { FORCE_COLOR: '1' }), false, '--no-color');
    t.match((await workshop.wo('family', 'list', '--color=always')).stdout, /\x1b\[/, '--color=always, into a pipe');
    await workshop.ok('create-family', `a name of sixty-four columns ${'日本'.repeat(8)} and its end`);
    for (const columns of [40, 80, 200]) {
      const terminal = onTerminal(['family', 'list', '--no-color'], { columns });
      await terminal.ended;
      const wide = terminal.output.split('\r\n').filter((line) => [...line].reduce((sum, character) => sum + (character > '\u2e80' ? 2 : 1), 0) > columns);
      t.same(wide, [], `at ${columns} columns no line is wider`);
      t.match(terminal.output, /fam-[a-z2-7]{12}/, 'ids are whole');
    }
    t.match(await workshop.ok('family', 'list'), new RegExp(`${'日本'.repeat(8)} and its end`), 'elsewhere nothing is cut');
  });
});
