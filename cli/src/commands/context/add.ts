import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WombatError } from '@wombat/proto';
import { defineCommand, required } from '../../command.js';
import { readConfigFile, writeConfigFile, type ContextEntry } from '../../context/config-file.js';
import { configDirectory } from '../../context/paths.js';
import { checkContextName, saveContextFiles } from '../../context/stored-files.js';
import { caSha256Of, fetchAuthority } from '../../control/pinned-authority.js';
import { flag, text } from '../../options.js';
import { SecretReader } from '../../parse/secret.js';
import type { Runtime } from '../../runtime.js';
import { UsageError } from '../../usage-error.js';

interface Given {
  readonly control: string | undefined;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  readonly caSha256: string | undefined;
  readonly directory: string | undefined;
}

export const contextAdd = defineCommand({
  description: [
    'Makes a coordinator known to wo: its control address, an operator\'s token, and the authority that it must present. Token and authority are copied beside the configuration, readable by you alone, and tried at once.',
    'The authority is ca/ca.crt in the directory of the coordinator; --ca-sha256 gets it over the network instead and takes it only when its sha256 is this one. wo context show tells the sha256 of one that is known.',
  ].join('\n'),
  examples: [
    { command: 'wo context add production --control wombat.example.org:7420 --token file:operator.token --ca ca.crt', explanation: 'with files copied from the coordinator' },
    { command: 'wo context add production --control wombat.example.org:7420 --token - --ca-sha256 3b1f...', explanation: 'asks for the token, and pins the authority' },
    { command: 'wo context add here --directory /var/lib/wombat', explanation: 'a coordinator on this machine' },
  ],
  arguments: { name: required('name of the new context') },
  options: {
    control: text('--control <host:port>', 'control address of the coordinator'),
    token: text('--token <secret>', 'operator\'s token: env:NAME, file:PATH or -'),
    ca: text('--ca <file>', 'certificate of the authority, in PEM'),
    caSha256: text('--ca-sha256 <hex>', 'sha256 of the authority\'s certificate, instead of the file'),
    directory: text('--directory <directory>', 'directory of a coordinator on this machine, instead of all of these'),
    noVerify: flag('--no-verify', 'do not try it'),
    force: flag('--force', 'replace the context of this name'),
  },
  async run(runtime, { name }, { noVerify, force, ...given }) {
    const { io, print } = runtime;
    checkContextName(name);
    const config = await readConfigFile(configDirectory(io.env), io.env);
    if (!force && Object.hasOwn(config.contexts, name)) {
      throw new WombatError('WO_NAME_TAKEN', `${config.path} has a context ${name} already`, { hint: 'give another name, or replace it with --force' });
    }
    const parts = given.directory === undefined ? await fromFlags(runtime, given) : await fromDirectory(runtime, given);
    const version = noVerify ? undefined : await tryOut(runtime, parts);
    const entry: ContextEntry = { address: parts.address, ...(await saveContextFiles(config.path, name, parts)) };
    const current = config.current ?? name;
    await writeConfigFile({ ...config, current, contexts: { ...config.contexts, [name]: entry } });
    const answered = version === undefined ? '' : `, which answers: version ${version}`;
    await print.done(`context ${name} is ${parts.address}${answered}${current === name ? '' : `; use it with: wo context use ${name}`}`, { name, ...entry, current: current === name });
  },
});

interface Parts {
  readonly address: string;
  readonly token: string;
  readonly caPem: string;
}

async function fromFlags(runtime: Runtime, { control, token, ca, caSha256 }: Given): Promise<Parts> {
  if (control === undefined) throw new UsageError('--control HOST:PORT is needed, or --directory');
  if (!/^(?:\[[0-9A-Fa-f:.]+\]|[^\s:[\]/@]+):\d{1,5}$/.test(control)) throw new UsageError(`--control wants HOST:PORT: ${JSON.stringify(control)}`);
  if (token === undefined) throw new UsageError('--token is needed: env:NAME, file:PATH or -');
  if ((ca === undefined) === (caSha256 === undefined)) throw new UsageError('either --ca FILE or --ca-sha256 HEX is needed: without it anybody could pose as the coordinator');
  const text = (await new SecretReader(runtime).read(token, 'the token')).trim();
  if (!/^[\x21-\x7e]{1,4096}$/.test(text)) throw new UsageError('--token: this is no token');
  const caPem = ca === undefined ? await fetchAuthority(control, caSha256!, runtime.signal) : await readGiven(resolve(runtime.io.cwd, ca));
  caSha256Of(caPem, ca ?? control);
  return { address: control, token: text, caPem };
}

async function fromDirectory(runtime: Runtime, given: Given): Promise<Parts> {
  if ([given.control, given.token, given.ca, given.caSha256].some((each) => each !== undefined)) throw new UsageError('--directory tells all: leave out --control, --token, --ca and --ca-sha256');
  const directory = resolve(runtime.io.cwd, given.directory!);
  const addresses = JSON.parse(await readGiven(join(directory, 'addresses.json'))) as { control?: unknown };
  if (typeof addresses.control !== 'string') throw new WombatError('WO_CONFIG_INVALID', `${directory} is not the directory of a coordinator that has served`);
  return { address: addresses.control, token: (await readGiven(join(directory, 'operator.token'))).trim(), caPem: await readGiven(join(directory, 'ca', 'ca.crt')) };
}

async function readGiven(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new WombatError('WO_CONFIG_INVALID', `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, { hint: 'give the path of a file that you may read' });
  }
}

/** Asks for the version: address, authority and token are right when it is answered. */
async function tryOut(runtime: Runtime, { address, token, caPem }: Parts): Promise<string> {
  const [{ Control }, { clusterIdOf }, { GetVersionRequest, SystemServiceService }] = await Promise.all([
    import('../../control/control.js'), import('../../control/credentials.js'), import('@wombat/proto/control'),
  ]);
  const serverName = `coordinator.${clusterIdOf(Buffer.from(caPem), 'the authority')}.wombat`;
  const control = new Control({ address, token, caPem: Buffer.from(caPem), serverName }, runtime.signal, runtime.flags.timeout ?? 15_000);
  try {
    return (await control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}))).version;
  } finally {
    control.close();
  }
}
