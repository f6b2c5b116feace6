import { Event } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const lists = [
  ['provider', 'list'], ['provider', 'images', 'laptop'], ['provider', 'hardware', 'laptop'], ['release', 'list'], ['family', 'list'], ['node', 'list'],
  ['host', 'list'], ['operation', 'list'], ['job', 'list'], ['event', 'list'], ['token', 'list'], ['plugin', 'list'], ['context', 'list'],
] as const;
const formats = { json: parseJson, yaml: parseNothing, jsonl: parseLines, name: parseNothing, wide: parseNothing } as const;

/** Writes a numbered line ten times a second. */
const talker = { name: 'start', lines: ['i=0', 'while :; do i=$((i+1)); echo "line $i"; sleep 0.1; done'] };

t.test('what is shown while it happens, and afterwards', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { scripts: [talker] });
  const following = workshop.spawnWo(['event', 'follow', '--from', 'start', '-o', 'jsonl']);
  const deployed = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '2'), 0);
  const [node] = await workshop.untilRunning(2);

  await t.test('event follow, through a crash of the coordinator, has no gap and nothing twice', async (t) => {
    const sequences = (): number[] => following.stdout.split('\n').slice(0, -1).map((line) => Number(Event.fromJSON(JSON.parse(line)).sequence));
    await workshop.restartCoordinator();
    await workshop.ok('node', 'restart', nameOf(node!));
    const last = Number((await workshop.fleet.events()).at(-1)?.sequence);
    await until('the follower has seen the last event', () => sequences().at(-1)! >= last || notYet({ last, seen: sequences().at(-1), stderr: following.stderr }));
    t.strictSame(sequences(), Array.from({ length: sequences().length }, (_, index) => index + 1));
    following.kill('SIGINT');
    await following.ended;
  });

  await t.test('a finished operation is replayed from its beginning', async (t) => {
    const replay = expectExit(t, await workshop.wo('operation', 'watch', deployed.stdout.trim()), 0);
    const lines = deployed.stderr.trimEnd().split('\n').length;
    t.ok(replay.stderr.trimEnd().split('\n').length >= lines - 2, 'as many lines as when it happened', { live: deployed.stderr, replay: replay.stderr });
    t.match(replay.stderr, /succeeded/);
  });

  await t.test('node logs -f goes on, in order', async (t) => {
    const logs = workshop.spawnWo(['node', 'logs', nameOf(node!), '-f', '--tail', '3']);
    const numbers = (): number[] => [...logs.stdout.matchAll(/line (\d+)\n/g)].map(([, digits]) => Number(digits));
    await until('ten lines are shown', () => numbers().length >= 10 || notYet(logs.stdout + logs.stderr));
    logs.kill('SIGINT');
    await logs.ended;
    const [first = 0] = numbers();
    t.strictSame(numbers(), numbers().map((_, index) => first + index), 'no line is missing, none comes twice');
  });

  await t.test('every list in every format', async (t) => {
    await workshop.ok('exec', family, '--', 'true');
    await workshop.ok('token', 'create', 'by-hand');
    for (const words of lists) {
      for (const [format, parse] of Object.entries(formats)) {
        // All of JSON; of the others one, since each is a process of its own.
        if (format !== 'json' && words[0] !== 'node') continue;
        const result = expectExit(t, await workshop.wo(...words, '-o', format), 0);
        t.doesNotThrow(() => parse(result.stdout), `wo ${words.join(' ')} -o ${format} can be read`);
      }
    }
    t.match(await workshop.ok('node', 'list', '-q'), /^node-[a-z2-7]{12}\nnode-[a-z2-7]{12}$/, '-q prints ids alone');
  });
});

function parseJson(text: string): void {
  const lists = Object.values(JSON.parse(text) as Record<string, unknown>).filter(Array.isArray);
  if (lists.length === 0 || lists[0]!.length === 0) throw new Error('there is no list in it, or it is empty');
}

function parseLines(text: string): void {
  for (const line of text.trimEnd().split('\n')) JSON.parse(line);
}

function parseNothing(text: string): void {
  if (text.trim() === '') throw new Error('it is empty');
}
