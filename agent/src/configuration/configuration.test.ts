import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCommandLine, type AgentConfiguration } from './configuration.js';
import { helpText } from './help.js';
import { environmentName, settingNames, settingOf } from './settings.js';

function configured(args: readonly string[], environment: Record<string, string> = {}): AgentConfiguration {
  const commandLine = readCommandLine(args, environment);
  if (commandLine.kind !== 'run') throw new Error('the agent would not run');
  return commandLine.configuration;
}

const needed = ['--coordinator', '127.0.0.1:7442'];

t.test('every flag', async (t) => {
  const args = [
    '--directory', '/srv/agent', '--coordinator', '[::1]:7442', '--join-token-file', '/srv/token', '--address', '127.0.0.2',
    '--label', 'zone=a', '--label', 'rack=7', '--label', 'spot=true', '--label', 'price=0.5',
    '--epmd-addresses', '127.0.0.2,127.0.0.3', '--epmd-directory', '/srv/epmd', '--exec-policy', '/srv/policy.json', '--exec-queue', '5', '--log-level', 'debug', '--log-file', '/srv/agent.log',
  ];
  t.same(configured(args), {
    directory: '/srv/agent',
    coordinator: { host: '::1', port: 7442 },
    joinTokenFile: '/srv/token',
    address: '127.0.0.2',
    labels: [
      { key: 'label.zone', value: { kind: { $case: 'text', value: 'a' } } },
      { key: 'label.rack', value: { kind: { $case: 'integer', value: 7n } } },
      { key: 'label.spot', value: { kind: { $case: 'flag', value: true } } },
      { key: 'label.price', value: { kind: { $case: 'decimal', value: 0.5 } } },
    ],
    epmdAddresses: ['127.0.0.2', '127.0.0.3'],
    epmdDirectory: '/srv/epmd',
    execPolicyFile: '/srv/policy.json',
    execQueue: 5,
    logLevel: 'debug',
    logFile: '/srv/agent.log',
  }, 'is read and typed');
});

t.test('what is not said has a default', async (t) => {
  t.same(configured(needed), {
    directory: '/var/lib/wombat-agent', coordinator: { host: '127.0.0.1', port: 7442 }, joinTokenFile: undefined, address: undefined,
    labels: [], epmdAddresses: [], epmdDirectory: '/var/lib/wombat-agent/epmd', execPolicyFile: undefined, execQueue: 1_000, logLevel: 'info', logFile: undefined,
  }, 'only the coordinator must be named');
});

t.test('a flag wins over the environment, that over the file, that over the default', async (t) => {
  const file = join(t.testdir({}), 'agent.json');
  writeFileSync(file, JSON.stringify({ coordinator: 'file:1', directory: '/from/file', 'log-level': 'warn', label: ['a=1', 'b=2'] }));
  const configuration = configured(['--log-level', 'error', '--configuration', file], { WOMBAT_AGENT_DIRECTORY: '/from/environment', WOMBAT_AGENT_LOG_LEVEL: 'debug' });
  t.equal(configuration.coordinator.host, 'file', 'the file says it where nobody else does');
  t.equal(configuration.directory, '/from/environment', 'the environment wins over the file');
  t.equal(configuration.logLevel, 'error', 'the flag wins over both');
  t.same(configuration.labels.map(({ key }) => key), ['label.a', 'label.b'], 'the file may hold lists');
  t.equal(configured([], { WOMBAT_AGENT_CONFIGURATION: file }).logLevel, 'warn', 'the file can be named by the environment');
  t.same(configured(needed, { WOMBAT_AGENT_LABEL: 'a=1,b=2' }).labels.length, 2, 'a variable may hold a list');
});

t.test('what is wrong is refused, and named', async (t) => {
  const directory = t.testdir({ 'unknown.json': '{"colour": "red"}', 'broken.json': '{', 'number.json': '{"coordinator": 7}' });
  const cases: [string[], RegExp][] = [
    [[], /--coordinator/],
    [[...needed, '--colour', 'red'], /--colour/],
    [[...needed, 'stray'], /stray/],
    [[...needed, '--directory'], /--directory/],
    [['--coordinator', 'no-port'], /no HOST:PORT/],
    [['--coordinator', 'host:70000'], /no HOST:PORT/],
    [[...needed, '--address', 'localhost'], /--address wants an IP/],
    [[...needed, '--epmd-addresses', '127.0.0.2,x'], /--epmd-addresses wants an IP/],
    [[...needed, '--label', 'NoValue'], /KEY=VALUE/],
    [[...needed, '--label', 'with space=1'], /KEY=VALUE/],
    [[...needed, '--log-level', 'loud'], /--log-level/],
    [['--configuration', join(directory, 'unknown.json')], /colour/],
    [['--configuration', join(directory, 'broken.json')], /cannot be read/],
    [['--configuration', join(directory, 'number.json')], /coordinator is a string/],
    [['--configuration', join(directory, 'missing.json')], /cannot be read/],
  ];
  for (const [args, message] of cases) t.throws(() => readCommandLine(args, {}), { code: 'WO_CONFIG_INVALID', message }, `refuses: ${args.join(' ').slice(-50)}`);
});

t.test('the help tells every setting, its default and its variable', async (t) => {
  const help = helpText();
  for (const name of settingNames) {
    const { default: value } = settingOf(name);
    t.ok(help.includes(`--${name} `) && help.includes(environmentName(name)), `${name} is there`);
    if (value !== undefined) t.ok(help.includes(`default ${value}`), `with its default ${value}`);
  }
  const examples = help.split('\n').filter((line) => line.startsWith('  wombat-agent '));
  t.equal(examples.length, 2, 'two examples');
  for (const line of examples) t.equal(readCommandLine(line.trim().split(' ').slice(1), {}).kind, 'run', `that are right: ${line}`);
  t.match(help, /exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /, 'and what its exit codes mean');
  t.equal(readCommandLine(['--help'], {}).kind, 'help', 'it is had by --help');
  t.equal(readCommandLine(['--version'], {}).kind, 'version', 'and the version by --version');
});
