import { appendFileSync, openSync, readFileSync } from 'node:fs';

/** A plugin's program that breaks in the way its first argument names; the second is a file in which each start is noted. */
const [way = '', startsFile = ''] = process.argv.slice(2);
appendFileSync(startsFile, `${process.pid}\n`);

const forEver = async (): Promise<never> => await new Promise(() => setInterval(() => undefined, 1_000));

if (way === 'mute') await forEver();
if (way === 'garbage') process.stdout.write('hello, I am a plugin\n'.repeat(1_000));
if (way === 'endless-line') process.stdout.write('x'.repeat(1_000_000));
if (way === 'other-protocol') process.stdout.write('1|7|unix|/tmp/x|grpc|\n');
if (way === 'no-socket') process.stdout.write('1|1|unix|/nowhere/x.sock|grpc|\n');
if (['garbage', 'endless-line', 'other-protocol', 'no-socket'].includes(way)) await forEver();
// Once it has said what it is.
if (way === 'dies-at-once' && readFileSync(startsFile, 'utf8').split('\n').length > 2) process.exit(3);

// Late: most ways need nothing of it.
const { created, defineProvider, machine, ProviderError, serve, tagNames, z } = await import('@wombat/plugin-sdk');

const plugin = defineProvider({
  name: 'broken',
  version: '1',
  apiVersions: way === 'future' ? ['provider.v9' as never] : ['provider.v1'],
  summary: 'breaks',
  settings: z.object({ token: z.secret().optional() }),
  credentials: ['token'],
  async connect({ settings, clusterId, host }) {
    if (way === 'refuses') throw ProviderError.auth(`${settings.token} is not known`);
    if (way === 'leaks') {
      process.stderr.write(`the token is ${settings.token}\n`);
      process.stdout.write(`on standard output too: ${settings.token}\n`);
    }
    if (way === 'floods') void flood();
    return {
      verify: async () => ({ identity: JSON.stringify(process.env), notes: [] }),
      listImages: async () => ({ images: [], nextPageToken: '' }),
      listHardwareProfiles: async () => ({ hardwareProfiles: [], nextPageToken: '' }),
      listRegions: async () => [{ id: (await host.agentCommand('host-aaaaaaaaaaaa')).argv.join(' '), name: '' }],
      listZones: async () => (way === 'huge' ? Array.from({ length: 40 }, (_, index) => ({ id: `${index}`, region: 'x'.repeat(500_000) })) : []),
      async createHosts(specs) {
        if (way === 'blocks') for (;;) { /* Not even SIGTERM is heard. */ }
        if (way === 'hangs') await forEver();
        if (way === 'segfault') process.kill(process.pid, 'SIGSEGV');
        if (way === 'exit') process.exit(3);
        if (way === 'rejection') await unhandled();
        if (way === 'out-of-memory') fillMemory();
        if (way === 'files') leakFiles();
        if (way !== 'lies') return [];
        const other = specs.map((spec) => ({ ...spec, key: `${spec.key}-other`, hostId: 'host-bbbbbbbbbbbb' }));
        return [...other, ...specs].map((spec) =>
          created(spec.key, machine({ machineId: 'm', tags: { [tagNames.cluster]: clusterId, [tagNames.host]: 'host-bbbbbbbbbbbb', [tagNames.key]: spec.key } })));
      },
      listHosts: async () => [],
      destroyHosts: async () => [],
    };
  },
});

/** Nobody waits for it. */
async function unhandled(): Promise<never> {
  void Promise.reject(new Error('nobody has seen to this'));
  return await forEver();
}

function fillMemory(): void {
  for (const kept: string[][] = []; ;) kept.push(Array.from({ length: 100_000 }, (_, index) => `${index} of many`));
}

function leakFiles(): void {
  try {
    for (;;) openSync('/dev/null', 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
}

async function flood(): Promise<void> {
  const line = `${'x'.repeat(1_023)}\n`.repeat(1_024);
  for (let written = 0; written < 1_024; written++) await new Promise((resolve) => process.stderr.write(line, resolve));
}

await serve(plugin);
