import { readFileSync } from 'node:fs';
import t from 'tap';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

interface TargetJson {
  readonly targetName: string;
  readonly outcome: string;
  readonly stdout?: string;
  readonly stdoutLostBytes?: string;
  readonly exit?: { readonly code?: number; readonly signal?: number };
}

const gibibyte = 1024 ** 3;
const keptBytes = 1024 ** 2;
/** A number that no other process of the machine sleeps for. */
const forEver = '87654321';

/** What the node of each number does. */
const behaviour = `#!/bin/sh
case "$WOMBAT_NODE_NAME" in
*-1) head -c ${gibibyte} /dev/zero ;;
*-2) exec sleep ${forEver} ;;
*-3) trap '' TERM INT HUP; sleep ${forEver} & while :; do wait; sleep 1; done ;;
*-4) setsid sleep ${forEver} & (setsid sh -c 'sleep ${forEver} & sleep ${forEver}' &); sleep 0.2; echo detached ;;
*-5) printf 'a\\377\\376\\300\\200b\\033]0;owned\\007\\033[2J\\033[31mred\\r\\n\\302\\233 31m' ;;
*) echo well ;;
esac
`;
const odd = Buffer.from('a\xff\xfe\xc0\x80b\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\n\xc2\x9b 31m', 'latin1');

const peakMiB = (pid: number): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

t.test('hostile targets hurt neither the others nor the coordinator, and nothing of them is left', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 6 });
  await workshop.ok('deploy-nodes', family, '--amount', '6');
  const names = (await workshop.untilRunning(6)).map(nameOf).sort();
  const before = peakMiB(workshop.coordinator.pid);

  const asked = performance.now();
  const result = await workshop.wo('exec', family, '--timeout', '3s', '-o', 'json', '--', 'sh', '-c', behaviour);
  const tookMs = performance.now() - asked;
  t.equal(result.code, 3, `some failed: ${result.stderr}`);
  const { targets } = JSON.parse(result.stdout) as { targets: TargetJson[] };
  const of = (number: number): TargetJson | undefined => targets.find(({ targetName }) => targetName.endsWith(`-${number}`));
  t.strictSame(targets.map(({ targetName }) => targetName).sort(), names, 'every target has its outcome');

  const loud = of(1);
  t.equal(loud?.outcome, 'OUTCOME_OK', 'whoever prints 1 GiB comes to its end');
  const kept = Buffer.from(loud?.stdout ?? '', 'base64').length;
  t.equal(kept, keptBytes, 'of which a bounded part is kept');
  const lost = Number(loud?.stdoutLostBytes);
  t.ok(lost > gibibyte * 0.95 && lost <= gibibyte - keptBytes, `and the loss is told: ${loud?.stdoutLostBytes}`);
  t.equal(of(2)?.outcome, 'OUTCOME_TIMED_OUT', 'whoever never reads its input is ended in time');
  t.match(of(3), { outcome: 'OUTCOME_TIMED_OUT', exit: { signal: 9 } }, 'whoever ignores TERM is killed');
  t.match(of(4), { outcome: 'OUTCOME_OK', stdout: Buffer.from('detached\n').toString('base64') }, 'whoever detaches something has its own outcome');
  t.strictSame(Buffer.from(of(5)?.stdout ?? '', 'base64'), odd, 'bytes that are no text arrive as they are');
  t.match(of(6), { outcome: 'OUTCOME_OK', stdout: Buffer.from('well\n').toString('base64') }, 'the well-behaved target is not disturbed');
  t.ok(tookMs < 3_000 + 1_000 + 10_000, `the command ends with its deadline and the time to kill (${Math.round(tookMs)} ms)`);

  await until('nothing of the command runs', () => {
    const left = workshop.processes().filter(({ argv }) => argv.some((word) => word.includes(forEver)));
    return left.length === 0 || notYet(left.map(({ pid, argv }) => `${pid} ${argv.join(' ').slice(0, 80)}`));
  }, { withinMs: 5_000 });
  const grownMiB = peakMiB(workshop.coordinator.pid) - before;
  t.ok(grownMiB < 100, `the memory of the coordinator stayed bounded (${Math.round(grownMiB)} MiB more at its peak)`);
  const terminal = workshop.terminal(['exec', names[4]!, '--', 'sh', '-c', behaviour]);
  t.teardown(() => terminal.close());
  t.equal(await terminal.ended, 0, `a terminal is told of it: ${terminal.output.slice(-300)}`);
  t.notMatch(terminal.output, /[\u0007\u009b]|\u001b\]|\u001b\[2J/, 'nothing of it commands the terminal');
  t.match(terminal.output, /\\x1b\]0;owned\\x07/, 'it is shown');
  t.equal((await workshop.untilRunning(6)).length, 6, 'the nodes run on');
});
