import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { NodePhase } from '@wombat/proto/agent';
import t from 'tap';
import { TestHost, assignment, kill, nodeSpec } from '../nodes/testing/host.js';
import { findProgram } from '../processes/find-program.js';
import { freePort } from '../testing/free-port.js';
import type { EpmdRecord } from './epmd.js';

const skip = findProgram('erl', '/', process.env.PATH ?? '') ? false : 'Erlang is not installed';

/** Makes the boot file DIRECTORY/NAME.boot: that of start_clean, with something to be done where applications are started. */
function bootFile(directory: string, name: string, instructions: string): string {
  const file = join(directory, name);
  execFileSync('erl', ['-noinput', '-eval', `
    {ok, [{script, Id, Lines}]} = file:consult(filename:join([code:root_dir(), "bin", "start.script"])),
    {Before, After} = lists:splitwith(fun(Line) -> Line =/= {progress, started} end, Lines),
    ok = file:write_file("${file}.script", io_lib:format("~p.~n", [{script, Id, Before ++ [${instructions}] ++ After}])),
    ok = systools:script2boot("${file}"),
    init:stop().`], { timeout: 60_000 });
  return file;
}

t.test('an Erlang node is ready when its applications are started, not when it answers', { skip }, async (t) => {
  const host = new TestHost();
  await host.start();
  const epmdPort = await freePort();
  t.teardown(async () => {
    const record = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    await host.end();
    kill(record.pid);
  });
  const starts = async (base: string, instructions: string): Promise<string> => {
    const nodeId = newId('node');
    const boot = bootFile(t.testdirName, base, instructions);
    await host.assign(assignment(nodeId, { spec: nodeSpec({
      name: `${base}-1`,
      address: '127.0.0.1',
      erlang: { nodeName: `${base}@127.0.0.1`, cookie: Buffer.from('wombattestcookie'), distributionPort: 0, epmdPort, longNames: true },
      runs: {
        start: ['erl', '-noinput', '-boot', boot, '-name', `${base}@127.0.0.1`, '-kernel', 'inet_dist_use_interface', '{127,0,0,1}'],
        ready: { kind: { $case: 'erlangPing', value: {} } },
      },
    }) }));
    return nodeId;
  };
  const phases = (nodeId: string): string[] => host.statuses.filter((status) => status.nodeId === nodeId).map(({ phase }) => NodePhase[phase]);
  t.testdir();

  const slow = await starts('slow', '{apply, {timer, sleep, [1500]}}');
  const startedAtMs = Date.now();
  await host.reaches(slow, NodePhase.READY);
  t.ok(Date.now() - startedAtMs >= 1500, 'it answered long before');

  const broken = await starts('broken', '{apply, {timer, sleep, [1500]}}, {apply, {erlang, error, [no_start]}}');
  const { lastError } = await host.reaches(broken, NodePhase.FAILED);
  t.equal(lastError?.code, 'WO_NODE_EXITED', 'the reason is its end');
  t.notOk(phases(broken).includes('READY'), `it answered, but was never ready: ${phases(broken).join(', ')}`);
});
