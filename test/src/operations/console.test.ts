import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { launchers, withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { prepareMesh } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { signalProcess, type Process } from '../support/processes.js';
import { sessionsOpened } from '../support/sessions-opened.js';
import { Terminal } from '../support/terminal.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const skip = withoutErlang();

/** A `wo` at a terminal that somebody sits at. */
function sitDown(workshop: Workshop, words: readonly string[], { argv = [launchers.wo], keepBytes = Infinity }: { readonly argv?: readonly string[]; readonly keepBytes?: number } = {}): Terminal {
  return new Terminal([...argv, ...words], { environment: { HOME: workshop.directory, WO_CONFIG_DIR: workshop.directory }, columns: 91, rows: 37, keepBytes });
}

/** What runs on consoles. */
function onConsoles(workshop: Workshop): Process[] {
  return workshop.processes().filter(({ environment }) => environment['WOMBAT_EXEC_ID']?.startsWith('con-'));
}

async function nothingLeft(workshop: Workshop, when: string): Promise<void> {
  await until(`nothing is left of the consoles ${when}`, () => onConsoles(workshop).length === 0 || notYet(onConsoles(workshop).map(({ argv }) => argv.join(' '))), { withinMs: 10_000 });
}

interface ConsoleEvent {
  readonly type: string;
  readonly reason: string;
  readonly subjectName: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

async function consoleEvents(workshop: Workshop): Promise<ConsoleEvent[]> {
  const { events } = JSON.parse(await workshop.ok('event', 'list', '-o', 'json', '--limit', '1000')) as { events: (Omit<ConsoleEvent, 'payload'> & { payload: string })[] };
  return events.filter(({ type }) => type.startsWith('console.')).map((event) => ({ ...event, payload: JSON.parse(event.payload) as ConsoleEvent['payload'] }));
}

const inFullRuns = process.env['WOMBAT_TEST_FULL'] ? false : 'takes long: in full runs';

t.test('consoles', { skip, timeout: 240_000 }, async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareMesh(workshop, { nodesPerHost: 1 });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  const name = nameOf(node!);

  await t.test('the remote console of a real Erlang release', async (t) => {
    const terminal = sitDown(workshop, ['console', name]);
    const prompt = await terminal.until(/\(\S+@\S+\)1> /);
    terminal.type('erlang:list_to_atom("answer_" ++ integer_to_list(1+1)).\r');
    await terminal.until('answer_2', prompt);
    const second = sitDown(workshop, ['console', name]);
    const other = await second.until(/\(\S+@\S+\)1> /);
    second.type('node().\r');
    await second.until(`'${node!.erlangName}'`, other);
    const cookie = readFileSync(join(workshop.nodeDirectories()[0]!, 'home', '.erlang.cookie'), 'utf8');
    t.strictSame(workshop.processes().filter(({ argv }) => argv.some((word) => word.includes(cookie))).map(({ argv }) => argv), [], 'the cookie is in no argv');
    terminal.type('\r~.');
    second.type('\x07');
    await second.until('User switch command', other);
    second.type('q\r');
    t.equal(await terminal.ended, 0, 'it was left');
    t.equal(await second.ended, 0, 'and the second one quit through Ctrl-G');
    await nothingLeft(workshop, 'that were left');
    t.strictSame((await workshop.untilRunning(1)).map(({ pid }) => pid), [node!.pid], 'the node goes on');
  });

  await t.test('a shell: size, Ctrl-C, exit code, and two events that do not tell what was typed', async (t) => {
    const terminal = sitDown(workshop, ['console', name, '--shell', '--pass-exit']);
    let at = await terminal.until(/[$#] $/);
    terminal.type('stty size\r');
    at = await terminal.until('37 91', at);
    terminal.resize(111, 44);
    await until('the new size has come', async () => {
      terminal.type('stty size\r');
      return terminal.output.includes('44 111') || notYet(terminal.output.slice(at));
    }, { everyMs: 200 });
    at = terminal.output.length;
    terminal.type(`sh -c 'trap "echo caught-$((40+2)); exit" INT; sleep 1000; sleep 1'\r`);
    await until('it sleeps', () => onConsoles(workshop).some(({ argv }) => argv[0] === 'sleep') || notYet(onConsoles(workshop).length));
    terminal.type('\x03');
    at = await terminal.until('caught-42', at);
    terminal.type('echo $WOMBAT_NODE_ID; pwd\r');
    at = await terminal.until(new RegExp(`${idOf(node!)}\\s+\\S*/${idOf(node!)}/root`), at);
    terminal.type('(setsid sleep 2000 &); nohup sleep 3000 >/dev/null 2>&1 & exit 7\r');
    t.equal(await terminal.ended, 7, 'the exit code is passed on');
    t.match(terminal.output, /the shell on \S+ has ended: exit code 7/, 'and told');
    await nothingLeft(workshop, 'that have ended');
    const [opened, ended] = (await consoleEvents(workshop)).slice(-2);
    t.match(opened, { type: 'console.opened', subjectName: name, payload: { principal: 'operator', what: 'shell' } });
    t.match(ended, { type: 'console.ended', reason: 'exited', subjectName: name, payload: { consoleId: opened!.payload['consoleId'], exitCode: 7 } });
    t.notMatch(JSON.stringify(await consoleEvents(workshop)), /caught|stty/, 'nothing of what was typed or written is told');
  });

  await t.test('a flood is ended by Ctrl-C at once', { skip: inFullRuns }, async (t) => {
    const terminal = sitDown(workshop, ['console', name, '--on', 'hosts'], { keepBytes: 65_536 });
    await terminal.until(/[$#] $/);
    terminal.type('yes\r');
    await until('the flood has come', () => terminal.writtenBytes > 4_000_000 || notYet(terminal.writtenBytes));
    t.match(await workshop.ok('exec', name, '--', 'echo', 'between'), /between/, 'commands are carried out meanwhile');
    terminal.type('\x03');
    const since = Date.now();
    await until('yes has ended', () => !onConsoles(workshop).some(({ argv }) => argv[0] === 'yes') || notYet('it goes on'), { everyMs: 5 });
    t.comment(`ended after ${Date.now() - since} ms`);
    await terminal.until(/[$#] $/);
    terminal.type('\x04');
    await terminal.ended;
  });

  await t.test('a client that is killed ends all of its console, and its terminal is as it was', { skip: inFullRuns }, async (t) => {
    const shell = sitDown(workshop, ['-c', 'stty -g; "$0" console "$1" --shell; while stty -a | grep -q -e -isig; do sleep 0.1; done; stty -g; echo done', launchers.wo, name], { argv: ['sh'] });
    const at = await shell.until(/[$#] $/);
    shell.type('trap "" HUP TERM; (trap "" HUP; exec sleep 4000) & echo begun\r');
    await shell.until(/begun\s/, at + 60);
    const [client] = workshop.processes().filter(({ argv }) => argv.includes('console') && argv.some((word) => word.includes('wo')) && argv[0]!.includes('node'));
    signalProcess(client!, 'SIGKILL');
    await nothingLeft(workshop, 'whose client was killed');
    await shell.until('done', at);
    const [before, after] = shell.output.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? [];
    t.equal(after, before, 'the terminal is as it was');
    await shell.ended;
    t.match((await consoleEvents(workshop)).at(-1), { type: 'console.ended', reason: 'left' });
  });

  await t.test('what cannot be had is told', async (t) => {
    expectExit(t, await workshop.wo('console', name), 2, 'without a terminal');
    const none = sitDown(workshop, ['console', 'nobody']);
    t.equal(await none.ended, 5, none.output);
    t.match(none.output, 'WO_NOT_FOUND');
    const wholeFamily = sitDown(workshop, ['console', family]);
    t.equal(await wholeFamily.ended, 2, wholeFamily.output);
  });

  await t.test('an agent, and a coordinator, that are killed end the console', { skip: inFullRuns }, async (t) => {
    for (const victim of ['agent', 'coordinator'] as const) {
      const terminal = sitDown(workshop, ['console', name, '--shell']);
      const at = await terminal.until(/[$#] $/);
      terminal.type('trap "" HUP TERM; sleep 5000 & echo begun\r');
      await terminal.until(/begun\s/, at + 50);
      const sessions = sessionsOpened(workshop);
      if (victim === 'agent') signalProcess(workshop.agents()[0]!, 'SIGKILL');
      else await workshop.coordinator.kill();
      t.not(await terminal.ended, 0, `the operator is told that the ${victim} is gone`);
      t.match(terminal.output, victim === 'agent' ? 'WO_HOST_UNREACHABLE' : 'WO_COORDINATOR_UNREACHABLE');
      await nothingLeft(workshop, `whose ${victim} was killed`);
      if (victim === 'agent') await until('the agent is back', () => sessionsOpened(workshop) > sessions || notYet(sessionsOpened(workshop)));
    }
  });
});
