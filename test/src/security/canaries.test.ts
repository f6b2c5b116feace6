import { createHash, createPrivateKey } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HostPhase } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { launchers, withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { packOtpRelease, packScripts } from '../support/releases.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';
import { CanaryHunt } from './canary/canary-hunt.js';
import { Canary, type Places } from './canary/canary.js';
import { ProcessWatch } from './canary/process-watch.js';
import { Stage } from './canary/stage.js';

// Two cores may be shared with others.
t.setTimeout(600_000);

const driver = fileURLToPath(new URL('./canary/vault-provider.js', import.meta.url));
const cluster = 'Cluster';
const slow = { deadlineMs: 180_000 };
/** Where an agent keeps what its nodes need, each file for its owner only. */
const agentFiles = [/^coordinator\/providers\/[^/]+\/hosts\/[^/]+\/nodes\.journal$/, /\/nodes\/[^/]+\/run\/[^/]+\.spec$/];
const shown = ['provider', 'release', 'family', 'node', 'host', 'operation', 'job'];
const lists = [...shown, 'event', 'token', 'plugin', 'context'];

t.test('secrets stand where they belong, and nowhere else', { skip: withoutErlang() }, async (t) => {
  const startedAtMs = Date.now();
  const workshop = await Workshop.closed(t, { settings: { plugins: driver, 'log-level': 'trace', 'agent-command': `${launchers.agent} --log-level trace` } });
  const watch = new ProcessWatch(t);
  await workshop.coordinator.start();
  const stage = new Stage(workshop);
  const planted = new Planted();

  await t.test('providers', (t) => providers(t, stage, planted));
  await t.test('families', (t) => families(t, stage, planted));
  await t.test('a node that tells its secret and dies', (t) => dyingNode(t, stage, planted));
  await t.test('what is refused', (t) => refusals(t, stage, planted));
  await t.test('a join token, and a machine by hand', (t) => joinToken(stage, planted, t));
  await t.test('everything that can be read', (t) => readEverything(t, stage));
  await t.test('another coordinator process reads the same', async (t) => {
    await workshop.restartCoordinator();
    // A host stays up in the store while its agent comes back: only what reaches it tells.
    await until('the agents are back', async () => (await stage.wo('exec until all answer', ['exec', cluster, '--', 'true'])).code === 0 || notYet(await workshop.fleet.hosts()), { withinMs: 60_000, everyMs: 500 });
    await stage.ok('provider verify', ['provider', 'verify', 'vault']);
    await stage.ok('status after a restart', ['status', cluster, '-o', 'json']);
    t.match(await stage.ok('exec after a restart', ['exec', cluster, '--', 'env']), /BY_FILE=\*{20,}/, 'nodes have their secrets still');
  });
  await planted.addFound(workshop);

  const hunt = new CanaryHunt(t, planted.canaries);
  hunt.processes(watch.end());
  hunt.printed(stage.printed);
  t.ok(hunt.files(workshop.directory) > 100, 'the files of coordinator, agents and nodes were read');
  hunt.foreignFiles(newTemporaryFiles(startedAtMs));
  hunt.judge();
  checkModes(t, workshop, planted.canaries);
});

/** All that is looked for. */
class Planted {
  readonly canaries: Canary[] = [];

  plant(name: string, places: Places): string {
    const { canary, value } = Canary.plant(name, places);
    this.canaries.push(canary);
    return value;
  }

  /** Secrets that coordinator and agents have made for themselves. */
  async addFound(workshop: Workshop): Promise<void> {
    const { directory } = workshop.coordinator;
    const { token } = await workshop.coordinator.credentials();
    this.#add('token of the operator', { files: [/^coordinator\/operator\.token$/] }, [token.slice('wop1.'.length)]);
    this.#add('key for secrets', { files: [/^coordinator\/secrets\.key$/] }, [await readFile(join(directory, 'secrets.key'))]);
    this.#add('key of the authority', { files: [/^coordinator\/ca\/ca\.key$/] }, keyParts(await readFile(join(directory, 'ca/ca.key'), 'utf8')));
    for (const host of workshop.hostDirectories()) {
      const key = await readFile(join(host, 'identity/key.pem'), 'utf8').catch(() => '');
      if (key !== '') this.#add(`key of ${host.slice(-12)}`, { files: [/\/identity\/key\.pem$/] }, keyParts(key));
    }
    const cookies = new Set(workshop.nodeDirectories().map((node) => join(node, 'home/.erlang.cookie')).flatMap((file) => readIfThere(file)));
    for (const cookie of cookies) this.#add('cookie', { files: [/\/nodes\/[^/]+\/home\/\.erlang\.cookie$/, ...agentFiles] }, [cookie]);
  }

  #add(name: string, places: Places, parts: readonly (string | Buffer)[]): void {
    this.canaries.push(new Canary(name, places, parts));
  }
}

async function providers(t: Test, stage: Stage, planted: Planted): Promise<void> {
  const token = planted.plant('token of a provider', { files: [/^vault\.token$/] });
  await stage.ok('provider register', ['register-provider', 'vault', 'somebody', `file:${await stage.file('vault.token', token)}`, 'vault']);
  const [own = ''] = readdirSync(join(stage.workshop.coordinator.directory, 'providers'));
  const fingerprint = await readFile(join(stage.workshop.coordinator.directory, 'providers', own, 'fingerprint'), 'utf8');
  t.equal(fingerprint, createHash('sha256').update(token).digest('hex'), 'the driver has got the token, byte for byte');

  const fromInput = planted.plant('token of a provider, from standard input', {});
  await stage.ok('provider register by input', ['register-provider', 'broken', 'somebody', '-', 'vault', '--set', 'breaks=create'], { input: `${fromInput}\n` });
  const fromEnvironment = planted.plant('token of a provider, from the environment', { givenOpenly: true });
  await stage.ok('provider register by environment', ['register-provider', 'images', 'somebody', 'env:VAULT', 'vault', '--set', 'breaks=images'], { environment: { VAULT: fromEnvironment } });
  t.match(await stage.refused('provider images', ['provider', 'images', 'images']), /\?token=\*\*\*/, 'what the driver quotes is struck out');
  const literal = planted.plant('token of a provider, given as it is', { givenOpenly: true });
  const warned = await stage.wo('provider register literally', ['register-provider', 'literal', 'somebody', literal, 'vault']);
  t.match(warned.stderr, /warning: a secret on the command line/, 'that is warned of');

  for (const breaks of ['connect', 'verify']) {
    const refused = planted.plant(`token that is refused: ${breaks}`, { givenOpenly: true });
    const said = await stage.refused(`provider register ${breaks}`, ['register-provider', breaks, 'somebody', 'env:VAULT', 'vault', '--set', `breaks=${breaks}`], { environment: { VAULT: refused } });
    t.match(said, /error WO_PROVIDER_[A-Z]+: .*\*\*\*/, `${breaks} tells the driver's words without the token`);
  }
  await titleIsOverwritten(t, stage, planted);
  const known = await stage.ok('provider list', ['provider', 'list', '-o', 'name']);
  t.strictSame(known.split('\n').sort(), ['broken', 'images', 'literal', 'vault'], 'what was refused is not stored');
}

/** While a `wo` runs, others do not see what it was given. */
async function titleIsOverwritten(t: Test, stage: Stage, planted: Planted): Promise<void> {
  const secret = planted.plant('token on a command line', { givenOpenly: true });
  const waiting = stage.workshop.spawnWo(['register-provider', 'slow', 'somebody', secret, 'vault', '--set', 'breaks=slowly']);
  await until('wo has warned', () => waiting.stderr.includes('warning') || notYet(waiting.stderr));
  t.notMatch(readFileSync(`/proc/${waiting.pid}/cmdline`, 'utf8'), secret, 'its command line has no secret any more');
  waiting.kill('SIGKILL');
  await waiting.ended;
}

async function families(t: Test, stage: Stage, planted: Planted): Promise<void> {
  const { workshop } = stage;
  const openly = { environment: cluster, files: [...agentFiles], givenOpenly: true };
  const byFile = planted.plant('secret by file', { environment: cluster, files: [/^key\.txt$/, ...agentFiles] });
  const byEnvironment = planted.plant('secret by environment', openly);
  const literal = planted.plant('secret as it is', openly);
  const inTemplate = planted.plant('secret in a template', { environment: cluster, files: [...agentFiles, /\/nodes\/[^/]+\/root\/bin\/settings$/] });
  const replaced = planted.plant('secret that was replaced before anything ran', {});

  const settings = { name: 'settings', lines: ["# {{#shellWord}}{{secret:IN_TEMPLATE}}{{/shellWord}}"] };
  const tarball = await packOtpRelease(join(workshop.directory, 'cluster.tar.gz'), [settings]);
  await stage.ok('release upload', ['upload-release', 'cluster', tarball, '-t', 'bin/settings']);
  const file = await stage.file('key.txt', byFile);
  const words = ['create-family', cluster, '--clust', 'erlang-mesh', '--env', 'OPEN=yes', '--secret', `BY_FILE=file:${file}`, '--secret', 'BY_ENVIRONMENT=env:GIVEN', '--secret', 'IN_TEMPLATE=-'];
  await stage.ok('family create', words, { environment: { GIVEN: byEnvironment }, input: replaced });
  t.match(await stage.refused('deploy without a domain', ['deploy-nodes', cluster, '--amount', '1']), /WO_NO_RELEASE/);
  await stage.ok('family attach', ['attach-release', cluster, 'cluster']);
  await stage.ok('family domain', ['add-domain', cluster, 'vault', 'local', 'host', '--nodes-per-host', '1']);
  await stage.ok('family unset', ['family', 'env', cluster, '--unset', 'IN_TEMPLATE']);
  t.match(await stage.refused('deploy without its secret', ['deploy-nodes', cluster, '--amount', '2']), /WO_TEMPLATE_INVALID: bin\/settings, line 2: the family has no secret IN_TEMPLATE/, 'before anything is created');
  await stage.ok('family env', ['family', 'env', cluster, '--secret', 'IN_TEMPLATE=-', '--secret', `LITERAL=${literal}`], { input: inTemplate });
  await stage.ok('deploy dry run', ['deploy-nodes', cluster, '--amount', '2', '--dry-run']);
  const operation = await stage.ok('deploy', ['deploy-nodes', cluster, '--amount', '2'], slow);
  await stage.ok('operation watch', ['operation', 'watch', operation]);
  await stage.ok('operation watch json', ['operation', 'watch', operation, '-o', 'json']);

  const [node] = workshop.nodeDirectories();
  const rendered = join(node ?? '', 'root/bin/settings');
  t.match(await readFile(rendered, 'utf8'), `# '${inTemplate.replaceAll("'", String.raw`'\''`)}'`, 'the template has its secret, quoted for a shell');
  t.equal(statSync(rendered).mode & 0o777, 0o700, 'for its owner only, and still a program');
  const variables = await stage.ok('exec env', ['exec', cluster, '--', 'sh', '-c', 'printf %s "$BY_FILE" | wc -c; env']);
  t.match(variables, /OPEN=yes/, 'commands run in the environment of their node');
  t.match(variables, /BY_FILE=\*{20,}/, 'what they print of its secrets is starred');
  t.match(variables, new RegExp(`^[^\\n]*\\b${Buffer.byteLength(byFile)}\\b`, 'm'), 'though it was there');
  await stage.refused('exec that fails', ['exec', cluster, '--', 'sh', '-c', 'echo "$BY_FILE $LITERAL" >&2; exit 3']);
  await stage.ok('exec on a host', ['exec', 'vault-1', '--', 'env']);
  await stage.ok('node logs', ['node', 'logs', 'wombat_sample-1']);
  await stage.ok('family restart', ['node', 'restart', 'wombat_sample-1'], slow);
  expectExit(t, await stage.wo('deploy that fails', ['deploy-nodes', await brokenFamily(stage), '--amount', '1', '--timeout', '20s'], slow), 1, 'no machine');
}

/** Its provider makes no machine, and says so with its token. */
async function brokenFamily(stage: Stage): Promise<string> {
  const family = await stage.ok('family create broken', ['create-family', 'Broken']);
  await stage.ok('family attach broken', ['attach-release', family, 'cluster']);
  await stage.ok('family domain broken', ['add-domain', family, 'broken', 'local', 'host']);
  await stage.ok('family env broken', ['family', 'env', family, '--set', 'IN_TEMPLATE=open']);
  await stage.refused('deploy with an open variable', ['deploy-nodes', family, '--amount', '1']);
  await stage.ok('family secret broken', ['family', 'env', family, '--secret', 'IN_TEMPLATE=-'], { input: 'nothing worth looking for' });
  return family;
}

async function dyingNode(t: Test, stage: Stage, planted: Planted): Promise<void> {
  const { workshop } = stage;
  // What a release writes into its own log is its own doing; what the coordinator stores of it is not.
  const told = planted.plant('secret that a node tells', { environment: 'Dying', files: [/^told\.txt$/, ...agentFiles, /\/nodes\/[^/]+\/logs\/stdout\.log$/], printed: ['node logs dying'] });
  const lines = ['echo "cannot log in with $TOLD"', 'sleep 0.5', 'exit 9'];
  await stage.ok('release upload dying', ['upload-release', 'dying', await packScripts(join(workshop.directory, 'dying.tar.gz'), [{ name: 'start', lines }]), 'bin/start']);
  await stage.ok('family create dying', ['create-family', 'Dying', '--secret', `TOLD=file:${await stage.file('told.txt', `${told}\n`)}`, '--restart-tries', '0']);
  await stage.ok('family attach dying', ['attach-release', 'Dying', 'dying']);
  await stage.ok('family domain dying', ['add-domain', 'Dying', 'vault', 'local', 'host', '--nodes-per-host', '1']);
  await stage.wo('deploy dying', ['deploy-nodes', 'Dying', '--amount', '1'], slow);
  await until('the node has failed', async () => /WO_NODE_EXITED[^]*cannot log in with \*{20,}/.test(await stage.ok('status dying', ['status', 'Dying'])) || notYet(await workshop.fleet.nodes()), { withinMs: 60_000, everyMs: 1_000 });
  t.match(await stage.ok('node logs dying', ['node', 'logs', 'dying-1']), told, 'who reads the log reads what is in it');
}

async function refusals(t: Test, stage: Stage, planted: Planted): Promise<void> {
  const refused = async (name: string, code: RegExp, words: (secret: string) => readonly string[] | Promise<readonly string[]>): Promise<void> => {
    const secret = planted.plant(`refused: ${name}`, { givenOpenly: true });
    t.match(await stage.refused(name, await words(secret)), code, name);
  };
  await refused('a credential too many', /WO_CREDENTIALS_UNEXPECTED/, (secret) => ['register-provider', 'x', 'somebody', 'token-of-8', secret, 'vault']);
  await refused('a credential for a driver that takes none', /WO_CREDENTIALS_UNEXPECTED/, (secret) => ['register-provider', 'x', secret, 'local']);
  await refused('an unknown driver', /WO_DRIVER_UNKNOWN/, (secret) => ['register-provider', 'x', secret, 'volt']);
  await refused('an unknown setting', /WO_SETTINGS_INVALID/, (secret) => ['register-provider', 'x', 'somebody', 'token-of-8', 'vault', '--set', `tokn=${secret}`]);
  await refused('a wrong setting', /WO_SETTINGS_INVALID/, (secret) => ['register-provider', 'x', 'somebody', secret, 'vault', '--set', `breaks=${secret}`]);
  await refused('a taken name', /WO_NAME_TAKEN/, (secret) => ['register-provider', 'vault', 'somebody', secret, 'vault']);
  await refused('a wrong name of a secret', /WO_INVALID_ARGUMENT/, (secret) => ['family', 'env', cluster, '--secret', `a-b=${secret}`]);
  await refused('a secret without a name', /WO_INVALID_ARGUMENT/, (secret) => ['family', 'env', cluster, '--secret', secret]);
  await refused('a secret that is also open', /WO_INVALID_ARGUMENT/, (secret) => ['family', 'env', cluster, '--secret', `A=${secret}`, '--set', 'A=1']);
  await refused('an unknown family', /WO_NOT_FOUND/, (secret) => ['family', 'env', 'Clustr', '--secret', `A=${secret}`]);
  await refused('a family that is there', /WO_NAME_TAKEN/, (secret) => ['create-family', cluster, '--secret', `A=${secret}`]);
  await refused('an unknown option', /WO_INVALID_ARGUMENT/, (secret) => ['family', 'env', cluster, `--secrt=A=${secret}`]);
  await refused('an unknown command', /WO_INVALID_ARGUMENT/, (secret) => ['family', 'envv', cluster, '--secret', `A=${secret}`]);
  const large = planted.plant('refused: too large', { files: [/^large\.txt$/] });
  t.match(await stage.refused('too large', ['family', 'env', cluster, '--secret', `A=file:${await stage.file('large.txt', large.padEnd(40_000, 'x'))}`]), /WO_INVALID_ARGUMENT.*32768/);
  const posted = planted.plant('refused over HTTP', {});
  const bodies = [`{"family": "${cluster}", "secrets": {"A": ${JSON.stringify(posted)}`, JSON.stringify({ family: cluster, secrets: { A: { deep: posted } } }), JSON.stringify({ family: cluster, secrets: [posted] }), JSON.stringify({ family: cluster, secretss: { A: posted } }), posted];
  for (const [index, body] of bodies.entries()) t.not(await stage.http('/v1/FamilyService/SetEnvironment', body), 200, `body ${index} is refused`);
  t.equal(await stage.http('/v1/FamilyService/SetEnvironment', JSON.stringify({ mutation: { dryRun: true }, family: cluster, secrets: { A: posted } })), 200, 'a dry run is answered');
}

async function joinToken(stage: Stage, planted: Planted, t: Test): Promise<void> {
  const { workshop } = stage;
  const token = await stage.ok('token create', ['token', 'create', 'by-hand']);
  planted.canaries.push(new Canary('join token', { printed: ['token create'] }, [token.split('.')[3] ?? token]));
  const directory = join(workshop.directory, 'machine');
  await mkdir(directory, { mode: 0o700 });
  const tokenFile = await stage.file('machine/token', `${token}\n`);
  const { agents } = await workshop.coordinator.connect();
  const output = openSync(join(workshop.directory, 'machine.log'), 'a');
  spawnPlain(launchers.agent, ['--coordinator', agents, '--directory', directory, '--join-token-file', tokenFile, '--address', '127.0.0.1', '--log-level', 'trace'], usualEnvironment(), { stdio: ['ignore', output, output] });
  closeSync(output);
  await until('the machine has joined', async () => (await workshop.fleet.hosts()).some(({ phase, metadata }) => phase === HostPhase.UP && metadata?.name === 'by-hand') || notYet(readFileSync(join(workshop.directory, 'machine.log'), 'utf8').slice(-500)), { withinMs: 60_000 });
  t.strictSame(readIfThere(tokenFile), [], 'the token is gone from the machine');
}

async function readEverything(t: Test, stage: Stage): Promise<void> {
  for (const noun of lists) {
    const listed = await stage.ok(`${noun} list json`, [noun, 'list', '-o', 'json']);
    if (!shown.includes(noun)) continue;
    const [objects = []] = Object.values(JSON.parse(listed) as Record<string, { metadata: { id: string } }[]>);
    t.ok(objects.length > 0, `there is a ${noun}`);
    const Noun = `${noun[0]?.toUpperCase()}${noun.slice(1)}`;
    for (const { metadata } of objects) t.equal(await stage.http(`/v1/${Noun}Service/Get${Noun}`, JSON.stringify({ [noun]: metadata.id })), 200, `${noun} ${metadata.id}`);
    await stage.ok(`${noun} show`, [noun, 'show', objects[0]?.metadata.id ?? '']);
  }
  for (const family of [cluster, 'Dying', 'Broken']) {
    await stage.ok('status', ['status', family]);
  }
  await stage.ok('family env list', ['family', 'env', cluster]);
  await stage.ok('node render json', ['node', 'render', 'wombat_sample-1', '-o', 'json']);
  const follower = stage.workshop.spawnWo(['event', 'follow', '--from', 'start', '-o', 'jsonl']);
  await until('events are followed', () => follower.stdout.split('\n').length > 20 || notYet(follower.stderr), { withinMs: 20_000 });
  follower.kill('SIGTERM');
  const { stdout, stderr } = await follower.ended;
  stage.printed.push({ label: 'event follow', text: stdout + stderr });
  for (const method of ['ProviderService/ListProviders', 'FamilyService/ListFamilies', 'NodeService/ListNodes', 'EventService/ListEvents', 'OperationService/ListOperations', 'JobService/ListJobs']) {
    t.equal(await stage.http(`/v1/${method}`, '{}'), 200, method);
  }
}

/** Whoever may not read the directories has nothing from the files either. */
function checkModes(t: Test, workshop: Workshop, canaries: readonly Canary[]): void {
  const files = [...workshop.hostDirectories().map((host) => join(host, 'nodes.journal')), ...['operator.token', 'secrets.key', 'ca/ca.key', 'store/wombat.db'].map((name) => join(workshop.coordinator.directory, name))];
  for (const file of files) t.equal(statSync(file).mode & 0o077, 0, `${file.replace(workshop.directory, '')} is for its owner only`);
  t.ok(canaries.filter(({ name }) => name === 'cookie').length === 1, 'the cookie of the cluster was looked for');
}

/** The scalar itself, and the line of the file that has most of it. */
function keyParts(pem: string): (string | Buffer)[] {
  const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' }) as { d?: string };
  return [Buffer.from(d, 'base64url'), pem.split('\n')[2] ?? ''];
}

function readIfThere(path: string): string[] {
  try {
    return [readFileSync(path, 'utf8').trim()];
  } catch {
    return [];
  }
}

/** What lies directly in the folder for temporary files, and was not there before. */
function newTemporaryFiles(sinceMs: number): string[] {
  return readdirSync(tmpdir(), { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(tmpdir(), entry.name)).filter((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found !== undefined && found.mtimeMs >= sinceMs && found.size < 64 * 1024 * 1024;
  });
}
