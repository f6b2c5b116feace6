import t from 'tap';
import { readCommandLine, type Invocation } from './program.js';
import { fakeIo } from './testing/fake-io.js';
import { runWo } from './testing/run-wo.js';

async function read(...argv: string[]): Promise<Invocation> {
  const reading = await readCommandLine(argv, fakeIo());
  if (reading.kind !== 'run') throw new Error(`wo ${argv.join(' ')} was not understood: ${reading.kind === 'usage' ? reading.error.message : reading.kind}`);
  return reading.invocation;
}

async function refused(...argv: string[]): Promise<{ message: string; hint: string | undefined }> {
  const reading = await readCommandLine(argv, fakeIo());
  if (reading.kind !== 'usage') throw new Error(`wo ${argv.join(' ')} was understood`);
  return { message: reading.error.message, hint: reading.error.hint };
}

t.test('the seven commands of the original script, as they stand', async (t) => {
  const register = await read('register-provider', 'My EC2 Account', 'KEY', 'SECRET', 'amazon-ec2');
  t.equal(register.registered.path, 'provider register');
  t.same(register.args, { name: 'My EC2 Account', rest: ['KEY', 'SECRET', 'amazon-ec2'] });
  const upload = await read('upload-release', 'Riak', '/riak.tar', 'bin/riak start', 'bin/riak stop', 'riak', '-t', 'etc/vm.args', '-t', 'etc/app.config');
  t.same(upload.args, { name: 'Riak', tarball: '/riak.tar', start: 'bin/riak start', stop: 'bin/riak stop', nodename: 'riak' });
  t.same(upload.options['template'], ['etc/vm.args', 'etc/app.config']);
  const create = await read('create-family', 'Riak node family', '--sel', 'random', '--clust', 'custom', '--clust-opt', 'cmd:bin/bootstrap');
  t.same(create.args, { name: 'Riak node family' });
  t.match(create.options, { sel: 'random', clust: 'custom', clustOpt: { cmd: 'bin/bootstrap' } });
  const firewall = await read('set-firewall', 'fam-a', '--fw-rule', 'tcp:8096:8099');
  t.same(firewall.options['rules'], [{ protocol: 'tcp', fromPort: 8096, toPort: 8099, source: '' }]);
  t.same((await read('attach-release', 'F', 'R')).args, { family: 'F', release: 'R' });
  t.same((await read('add-domain', 'F', 'P', 'disk', 'large')).args, { family: 'F', provider: 'P', image: 'disk', hardware: 'large' });
  t.match((await read('deploy-nodes', 'F', '--amount', '2')).options, { amount: 2, detach: false, dryRun: false });
});

t.test('a short form and its noun and verb are the same command', async (t) => {
  const short = await read('deploy-nodes', 'F', '--amount', '2');
  const long = await read('family', 'deploy', 'F', '--amount', '2');
  t.equal(short.command, long.command, 'one module');
  t.same([short.args, short.options], [long.args, long.options]);
});

t.test('every other option of the commands', async (t) => {
  t.match((await read('add-domain', 'F', 'P', 'i', 'h', '--region', 'eu', '--zone', 'eu-1', '--nodes-per-host', '4', '--max-hosts', '9', '--priority', '1', '--weight', '3', '--label', 'tier=gold')).options,
    { region: 'eu', zone: 'eu-1', nodesPerHost: 4, maxHosts: 9, priority: 1, weight: 3, label: { tier: 'gold' } });
  t.match((await read('create-family', 'x', '--env', 'A=1', '--env', 'B=x=y', '--restart-tries', '3', '--restart-interval', '1m')).options, { env: { A: '1', B: 'x=y' }, restartTries: 3, restartInterval: 60_000 });
  t.match((await read('upload-release', 'x', 'y.tgz', '--manifest', 'm.yaml', '--release-version', '2')).options, { manifest: 'm.yaml', releaseVersion: '2' });
  t.match((await read('node', 'logs', 'n', '-f', '--tail', '5', '--stderr')).options, { follow: true, tail: 5, stderr: true });
  t.match((await read('node', 'remove', 'a', 'b', '--keep-data')), { args: { nodes: ['a', 'b'] }, options: { keepData: true, deleteData: false } });
  t.match((await read('event', 'follow', '--from', '12', '--family', 'F', '--node', 'N', '--operation', 'O')).options, { from: '12', family: 'F', node: 'N', operation: 'O' });
});

t.test('what stands behind -- belongs to the remote command, flags and all', async (t) => {
  const exec = await read('exec', 'F', '-b', '--', 'ls', '-q', '--debug', '--', '-o', 'json');
  t.same(exec.args, { expression: 'F', command: ['ls', '-q', '--debug', '--', '-o', 'json'] });
  t.equal(exec.options['fold'], true);
  t.match(exec.flags, { quiet: false, debug: false, output: undefined });
  t.same((await read('exec', 'F', '--', 'uptime', '-p')).args, { expression: 'F', command: ['uptime', '-p'] }, 'also without an option before --');
});

t.test('global flags stand before or behind the command', async (t) => {
  for (const argv of [['-o', 'json', '--timeout', '5m', '-qy', 'node', 'list'], ['node', 'list', '-q', '-y', '-o', 'json', '--timeout=300s']]) {
    t.match((await read(...argv)).flags, { output: 'json', quiet: true, yes: true, timeout: 300_000, noColor: false, noInput: false }, argv.join(' '));
  }
  t.match((await read('status', '--no-color', '--no-input', '--debug', '-v', '--context', 'c', '--address', 'a:1')).flags,
    { noColor: true, noInput: true, debug: true, verbose: true, context: 'c', address: 'a:1' });
});

t.test('what is wrong is named, with the nearest that is right', async (t) => {
  t.match(await refused('deploy-nodez'), { message: 'there is no command "wo deploy-nodez"', hint: 'did you mean wo deploy-nodes?' });
  t.match(await refused('family', 'crate'), { message: 'there is no command "wo family crate"', hint: 'did you mean wo family create?' });
  t.match(await refused('upp', '--help'), { message: 'there is no command "wo upp"' });
  t.match(await refused('help', 'node', 'lst'), { message: 'there is no command "wo node lst"', hint: 'did you mean wo node list?' });
  t.match(await refused('deploy-nodes', 'F', '--ammount', '2'), { message: /--ammount/, hint: 'did you mean --amount?' });
  t.match(await refused('node', 'list', '-o', 'jason'), { message: /one of table, .*"jason"/, hint: 'did you mean json?' });
  t.match(await refused('node', 'list', '--phase', 'runing'), { hint: 'did you mean running?' });
  t.match(await refused('deploy-nodes', 'F', '--amount', '0'), { message: '--amount wants a whole number, from 1 to 4294967295: "0"' });
  t.match(await refused('deploy-nodes', 'F', '--amount', '2', '--timeout', 'soon'), { message: /--timeout wants a duration/ });
  t.match(await refused('create-family', 'x', '--env', 'novalue'), { message: '--env wants KEY=VALUE: "novalue"' });
  t.match(await refused('attach-release', 'F'), { message: 'missing argument RELEASE' });
  t.match(await refused('status', 'a', 'b'), { message: /too many arguments/ });
});

t.test('wrong usage exits 2 with the usage line on stderr and nothing on stdout', async (t) => {
  const ran = await runWo(undefined, ['attach-release', 'F']);
  t.equal(ran.exit, 2);
  t.equal(ran.stdout, '');
  t.match(ran.stderr, /^error WO_INVALID_ARGUMENT: missing argument RELEASE\n {2}usage: wo attach-release FAMILY RELEASE\n {2}try: wo attach-release .*\n {2}see: wo attach-release --help\n$/);
  const verb = await runWo(undefined, ['family']);
  t.equal(verb.exit, 2, 'a noun without a verb');
  t.match(verb.stderr, 'wo family VERB');
});

t.test('help is wrapped where the terminal ends, commands in it are not', async (t) => {
  for (const argv of [['--help'], ['node', '--help'], ['deploy-nodes', '--help'], ['exec', '--help']]) {
    const io = fakeIo({ stdoutIsTerminal: true, env: { NO_COLOR: '1' } });
    await readCommandLine(argv, io);
    t.same(io.stdout.lines.filter((line) => line.length > io.stdout.columns && !line.startsWith('  wo ')), [], argv.join(' '));
  }
});
