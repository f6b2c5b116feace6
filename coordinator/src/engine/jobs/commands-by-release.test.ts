import t, { type Test } from 'tap';
import type { ManifestArgument } from '../../domain/model/release.js';
import { idNumber } from '../../testing/counting-ids.js';
import { outcomeOf } from '../../testing/fake-fleet.js';
import { host, Setting } from '../../testing/job-setting.js';
import { manifestOf, releaseRow } from '../../testing/rows.js';
import { change, put, row } from '../../testing/test-store.js';
import { withCommands } from './commands-by-release.js';
import { requireTargets, type Asked } from './resolve-targets.js';

const [older, newer] = [idNumber('rel', 900), idNumber('rel', 901)];
const level: ManifestArgument = { name: 'level', type: 'integer', help: '', required: false };
const shared = { principal: 'ada', timeoutMs: 60_000, all: false, action: { kind: undefined } };

/** Three nodes: web-2 runs the newer release, which has another backup, and check. */
async function updating(test: Test): Promise<Setting> {
  const setting = await Setting.of(test);
  const backup = { name: 'backup', help: '', argv: ['bin/backup'], arguments: [] };
  await put(setting.store, 'releases',
    releaseRow({ id: older, manifest: { ...manifestOf(), commands: [backup] } }),
    releaseRow({ id: newer, version: '2.0', manifest: { ...manifestOf(), commands: [{ ...backup, argv: ['bin/save'], arguments: [level] }, { ...backup, name: 'check' }] } }));
  await change(setting.store, 'nodes', idNumber('node', 2), { releaseId: newer });
  return setting;
}

async function run(setting: Setting, words: readonly string[], asked: Asked = { expression: 'web family' }, more: object = {}): ReturnType<Setting['create']> {
  const [name = '', ...rest] = words;
  const resolution = await withCommands(setting.store.read, await requireTargets(setting.store.read, asked), { name, arguments: rest });
  const { job, targets } = await setting.store.transaction((transaction) => setting.jobs.insert(transaction, { ...shared, ...more, resolution }));
  return setting.jobs.send(job, targets);
}

function argvs(setting: Setting): string[] {
  return setting.fleet.execs.map(({ targetId, job }) => `${targetId.at(-1)} ${job.action?.kind?.$case === 'command' ? job.action.kind.value.argv.join(' ') : ''}`).sort();
}

void t.test('each node runs what its own release means by the command', async (test) => {
  const setting = await updating(test);
  const job = await run(setting, ['backup']);
  test.same(argvs(setting), ['b bin/backup', 'c bin/save', 'd bin/backup']);
  test.match(job.command, { name: 'backup', arguments: [] });
  setting.fleet.execs.length = 0;
  setting.restart();
  await setting.jobs.resend(host(2));
  test.same(argvs(setting), ['c bin/save'], 'and so when it is sent again by another coordinator');
});

void t.test('limits count the nodes of all releases together', async (test) => {
  const setting = await updating(test);
  const { id } = await run(setting, ['backup'], undefined, { limits: { window: { number: 2 } } });
  await setting.jobs.reconcile(id);
  test.same(argvs(setting), ['b bin/backup', 'c bin/save']);
  for (const exec of [...setting.fleet.execs]) await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec)]);
  await setting.jobs.reconcile(id);
  test.same(argvs(setting), ['b bin/backup', 'c bin/save', 'd bin/backup']);
});

void t.test('a release that lacks the command is passed over, one that takes other arguments is told so', async (test) => {
  const setting = await updating(test);
  const lacking = await run(setting, ['check']);
  test.same(await setting.targets(lacking), { 'web-1': 'skipped', 'web-2': undefined, 'web-3': 'skipped' });
  test.match((await row(setting.store, 'jobTargets', `${lacking.id}/${idNumber('node', 1)}`)).error, { code: 'WO_COMMAND_UNKNOWN', message: /has no command "check"/ });
  const other = await run(setting, ['backup', '--level=2']);
  test.same(await setting.targets(other), { 'web-1': 'rejected', 'web-2': undefined, 'web-3': 'rejected' });
  test.same(argvs(setting), ['c bin/backup', 'c bin/save 2']);
});

void t.test('where no node can run it, nothing is stored', async (test) => {
  const setting = await updating(test);
  await test.rejects(run(setting, ['bakcup']), { code: 'WO_COMMAND_UNKNOWN', hint: /did you mean backup/ });
  await test.rejects(run(setting, ['check', '--level=2'], { expression: 'web-1' }), { code: 'WO_COMMAND_UNKNOWN' });
  await test.rejects(run(setting, ['check', 'all']), { code: 'WO_COMMAND_ARGUMENTS', message: /no place for "all"/ }, 'wrong arguments weigh more than another release');
  await test.rejects(run(setting, ['backup'], { expression: 'web family', on: 'hosts' }), { code: 'WO_INVALID_ARGUMENT', hint: /wo exec HOST/ });
  test.same(await setting.jobs.all(), []);
  test.same(argvs(setting), []);
});
