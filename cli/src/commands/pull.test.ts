import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { JobTarget, type PullFilesRequest, type PullFilesResponse } from '@wombat/proto/control';
import type { FilePart } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { startedAt } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';

const begun: PullFilesResponse = { kind: { $case: 'begun', value: { expression: 'web', targetCount: 2 } } };
const part = (name: string, kind: FilePart['kind']): PullFilesResponse => ({ kind: { $case: 'part', value: { targetId: `node-${name}`, targetName: name, part: { kind } } } });
const ended = (name: string, outcome: Outcome, error?: JobTarget['error']): PullFilesResponse => ({
  kind: { $case: 'target', value: { ...JobTarget.fromPartial({ targetId: `node-${name}`, targetName: name, outcome, startedAt, finishedAt: startedAt }), error } },
});

/** The parts of one file. */
function file(name: string, path: string, text: string, sent = text): PullFilesResponse[] {
  const sha256 = createHash('sha256').update(text).digest();
  return [part(name, { $case: 'begun', value: { path, mode: 0o600, sizeBytes: BigInt(text.length) } }), part(name, { $case: 'data', value: Buffer.from(sent) }), part(name, { $case: 'sha256', value: sha256 })];
}

async function coordinator(t: Test, ...answers: readonly (readonly (PullFilesResponse | WombatError)[])[]): Promise<{ fake: FakeCoordinator; requests: PullFilesRequest[] }> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const requests: PullFilesRequest[] = [];
  fake.handlers = {
    pullFiles: async function* (request) {
      for (const answer of answers[Math.min(requests.push(request), answers.length) - 1]!) {
        if (answer instanceof WombatError) throw answer;
        yield answer;
      }
    },
  };
  return { fake, requests };
}

t.test('a folder for each target; what went wrong first', async (t) => {
  const [one, two] = [file('web-1', 'log/x', 'of one'), file('../web 2', 'log/x', 'of two')];
  const { fake, requests } = await coordinator(t, [begun, one[0]!, two[0]!, two[1]!, one[1]!, one[2]!, two[2]!, part('web-1', { $case: 'leftOut', value: 2 }), ended('web-1', Outcome.OK), ended('../web 2', Outcome.OK),
    ended('web-3', Outcome.REJECTED, { code: 'WO_EXEC_REJECTED', message: '"log" is not there', hint: '', details: {} })]);
  const directory = t.testdir({});
  const ran = await runWo(fake, ['pull', 'family = web:log', 'into'], { cwd: directory });
  t.equal(ran.exit, 3, ran.stderr);
  t.equal(ran.stdout, '');
  t.match(ran.stderr, /^✗ web-3: rejected {2}WO_EXEC_REJECTED: "log" is not there\nweb-1: 2 entries left out.*\n2 ok, 1 rejected of 3 targets.*; 2 files, 12 B in into\n$/);
  t.strictSame(readdirSync(join(directory, 'into')).sort(), ['%2E.%2Fweb 2', 'web-1'], 'no name leads out, and who sent nothing has no folder');
  t.equal(readFileSync(join(directory, 'into/web-1/log/x'), 'utf8'), 'of one');
  t.equal(readFileSync(join(directory, 'into/%2E.%2Fweb 2/log/x'), 'utf8'), 'of two');
  t.match(requests, [{ expression: 'family = web', path: 'log' }]);
});

t.test('what did not arrive as it was sent has failed', async (t) => {
  const { fake } = await coordinator(t, [begun, ...file('web-1', 'x', 'sent', 'came'), ended('web-1', Outcome.OK), ...file('web-2', '../../x', 'y'), ended('web-2', Outcome.OK)]);
  const directory = t.testdir({});
  const ran = await runWo(fake, ['pull', 'web:x', '.', '-o', 'json'], { cwd: directory });
  t.equal(ran.exit, 1);
  t.match(JSON.parse(ran.stdout), { targets: [{ outcome: 'OUTCOME_FAILED', files: 0, error: { code: 'WO_PULL_FAILED', message: /did not arrive/ } }, { outcome: 'OUTCOME_FAILED', error: { message: /no path/ } }] });
  t.strictSame(readdirSync(join(directory, 'web-1')), [], 'nothing half is left');
});

t.test('a coordinator that goes away is asked again for what is left', async (t) => {
  const gone = new WombatError('WO_UNAVAILABLE', 'the coordinator stops');
  const { fake, requests } = await coordinator(t, [begun, ...file('web-1', 'x', 'a'), ended('web-1', Outcome.OK), ...file('web-2', 'x', 'b').slice(0, 2), gone], [begun, ended('web-2', Outcome.UNREACHABLE_BEFORE_SEND)],
    [begun, ...file('web-2', 'x', 'b'), ended('web-2', Outcome.OK)]);
  const directory = t.testdir({});
  const ran = await runWo(fake, ['pull', 'web:x', '.'], { cwd: directory });
  t.equal(ran.exit, 0, ran.stderr);
  t.same(requests.map(({ exceptTargetIds }) => exceptTargetIds), [[], ['node-web-1'], ['node-web-1']]);
  t.strictSame([readdirSync(join(directory, 'web-2')), readFileSync(join(directory, 'web-2/x'), 'utf8')], [['x'], 'b']);
});

t.test('refused before anything is asked', async (t) => {
  const { fake, requests } = await coordinator(t, []);
  const directory = t.testdir({ file: 'x' });
  for (const [words, why] of [[['web', '.'], /EXPRESSION:PATH/], [['web:x', 'file'], /cannot be made/], [['web:x', '.', '--seed', 'a'], /--seed is for/]] as const) {
    const ran = await runWo(fake, ['pull', ...words], { cwd: directory });
    t.match([ran.exit, ran.stderr], [2, why], words.join(' '));
  }
  t.same(requests, []);
});
