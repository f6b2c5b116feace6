import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { NodePhase, Outcome, type ExecOutcome } from '@wombat/proto/agent';
import t from 'tap';
import { TestHost, assignment, nodeSpec } from '../nodes/testing/host.js';
import { ExecPolicyFile, parsePolicy, type AskedCommand } from './exec-policy.js';

const path = '/usr/bin:/bin';
const asked: AskedCommand = { name: 'uptime', program: '/usr/bin/uptime', root: '/srv/node', environmentNames: [], user: '' };

t.test('what is allowed', (t) => {
  const directory = t.testdir({});
  const file = new ExecPolicyFile({ directory });
  const policy = (content: unknown): void => writeFileSync(join(directory, 'exec-policy.json'), JSON.stringify(content));
  const allows = (changes: Partial<AskedCommand>, what: string): unknown => t.doesNotThrow(() => file.checkCommand({ ...asked, ...changes }, path), what);
  const refuses = (changes: Partial<AskedCommand>, why: RegExp): unknown => t.throws(() => file.checkCommand({ ...asked, ...changes }, path), { code: 'WO_EXEC_REJECTED', message: why, hint: /exec-policy\.json/ });

  allows({}, 'everything, where there is no policy');
  t.doesNotThrow(() => file.checkErlang(), 'Erlang too');
  policy({ exec: 'off' });
  refuses({}, /runs no commands/);
  t.throws(() => file.checkErlang(), { code: 'WO_EXEC_REJECTED', message: /runs no commands/ });
  policy({ exec: 'on' });
  allows({ user: 'root', environmentNames: ['PATH'] }, 'everything, read anew each time');

  policy({ exec: ['sh', '/opt/tool', 'bin/status'], environment: ['LANG'], users: ['nobody'] });
  refuses({}, /"uptime" is not among/);
  const shell = { name: 'sh', program: '/usr/bin/sh' };
  allows(shell, 'a program of the PATH by its name');
  refuses({ name: 'sh', program: '/srv/node/sh' }, /"sh" is not among/);
  refuses({ name: './sh', program: '/srv/node/sh' }, /is not among/);
  allows({ name: 'tool', program: '/opt/tool' }, 'a file by its path');
  refuses({ name: '/opt/tool', program: '/opt/tool2' }, /is not among/);
  allows({ name: 'bin/status', program: '/srv/node/bin/status' }, 'a script of the release');
  refuses({ name: 'bin/status', program: '/srv/elsewhere/bin/status' }, /is not among/);
  allows({ ...shell, environmentNames: ['LANG'], user: 'nobody' }, 'what is listed beside');
  refuses({ ...shell, environmentNames: ['LANG', 'LD_PRELOAD'] }, /variable "LD_PRELOAD"/);
  refuses({ ...shell, user: 'root' }, /run as "root"/);
  t.throws(() => file.checkErlang(), { message: /Erlang may not be evaluated/ });
  policy({ exec: [], erlang: true });
  t.doesNotThrow(() => file.checkErlang(), 'Erlang alone');
  t.end();
});

t.test('a policy that cannot be read allows nothing', (t) => {
  const directory = t.testdir({});
  const file = join(directory, 'exec-policy.json');
  const refuses = (policy: ExecPolicyFile, why: RegExp): unknown => t.throws(() => policy.checkCommand(asked, path), { code: 'WO_EXEC_REJECTED', message: why });
  refuses(new ExecPolicyFile({ directory, file: join(directory, 'named') }), /cannot be read: ENOENT/);
  for (const [content, why] of [['', /JSON/], ['[]', /no JSON object/], ['{"exec":"of"}', /"on", "off"/], ['{}', /"on", "off"/], ['{"exec":["",1]}', /"on", "off"/],
    ['{"exec":"on","exce":1}', /unknown key: exce/], ['{"exec":[],"erlang":1}', /erlang is/], ['{"exec":[],"users":"a"}', /users is/], ['{"exec":[],"environment":[1]}', /environment is/], ['{"exec":"on","files":1}', /files is/]] as const) {
    writeFileSync(file, content);
    refuses(new ExecPolicyFile({ directory }), why);
  }
  writeFileSync(file, `{"exec":"on"}${' '.repeat(70_000)}`);
  refuses(new ExecPolicyFile({ directory }), /larger than/);
  rmSync(file);
  symlinkSync('nowhere', file);
  refuses(new ExecPolicyFile({ directory }), /cannot be read/);
  t.throws(() => parsePolicy('{"exec":null}'));
  t.end();
});

t.test('the policy of the host wins over whoever asks, from one command to the next', async (t) => {
  const host = new TestHost({ 'bin/status': '#!/bin/sh\necho fine\n', 'bin/uptime': '#!/bin/sh\necho not the one\n' });
  mkdirSync(host.agentDirectory, { mode: 0o700 });
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec: nodeSpec({ environment: { PATH: '{{path:root}}/bin:/usr/bin:/bin' } }) }));
  await host.reaches(nodeId, NodePhase.READY);
  const file = join(host.agentDirectory, 'exec-policy.json');
  const run = async (...argv: string[]): Promise<ExecOutcome> => {
    host.outcomes.length = 0;
    await host.exec([nodeId], { $case: 'command', value: { argv, environment: {}, settings: undefined } });
    return host.outcome(nodeId);
  };
  writeFileSync(file, '{"exec":"off"}');
  t.match(await run('bin/status'), { outcome: Outcome.REJECTED, exit: undefined, error: { code: 'WO_EXEC_REJECTED', message: /runs no commands/ } });
  t.notOk(existsSync(join(host.agentDirectory, 'exec')), 'nothing was begun');
  writeFileSync(file, '{"exec":["bin/status","uptime"]}');
  t.match(await run('bin/status'), { outcome: Outcome.OK });
  t.match(await run('true'), { outcome: Outcome.REJECTED, error: { message: /"true" is not among/ } });
  t.match(await run('uptime'), { outcome: Outcome.REJECTED, error: { message: /"uptime" is not among/ } }, 'another program of the same name');
  chmodSync(file, 0o600);
  rmSync(file);
  t.match(await run('true'), { outcome: Outcome.OK }, 'and without a policy all is allowed');
});
