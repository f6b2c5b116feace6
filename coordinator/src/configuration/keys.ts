import { homedir } from 'node:os';
import path from 'node:path';
import { limits, liveness } from '@wombat/proto';
import { z } from 'zod';
import { besideAgent } from './beside-agent.js';
import { logFormats, logLevels, type ConfigurationKey, type ConfigurationValue } from './configuration.js';
import { postgresUrl } from './postgres-url.js';
import { secretReference } from './secret-reference.js';
import { pluginSource } from './plugin-source.js';
import { address, advertisedAddress, integer, type Form } from './values.js';

export interface KeyDefinition<T> {
  readonly form: Form;
  readonly schema: z.ZodType<Exclude<T, undefined>>;
  /** What stands in the file when it is not said; undefined: nothing. */
  readonly default: () => unknown;
  /** How the reference page writes the default, where that differs from machine to machine. */
  readonly defaultText?: string;
  /** What the commented file shows where there is no default. */
  readonly example?: string;
  /** Whole sentences for the reference page. */
  readonly description: string;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** All there is to configure. Loading, checks and docs/reference/configuration.md come from this one table. */
export const keys: { readonly [K in ConfigurationKey]: KeyDefinition<ConfigurationValue<K>> } = {
  directory: {
    form: 'text',
    schema: z.string().min(1).transform((text) => path.resolve(text)),
    default: defaultDirectory,
    defaultText: '`/var/lib/wombat` for root, else `~/.local/state/wombat`',
    description: 'Where the coordinator keeps its store, keys and releases. Only its owner may read it.',
  },
  'control.address': {
    form: 'address',
    schema: address,
    default: () => '127.0.0.1:7420',
    description: 'Where operators connect (gRPC, TLS). Port 0 takes a free one, and `addresses.json` in the directory tells which.',
  },
  'agents.address': {
    form: 'address',
    schema: address,
    default: () => '127.0.0.1:7421',
    description: 'Where agents connect (gRPC, mutual TLS). Port 0 takes a free one.',
  },
  'http.address': {
    form: 'address',
    schema: address,
    default: () => '127.0.0.1:7422',
    description: 'Where JSON over HTTP is served. Port 0 takes a free one. Beyond the loopback addresses `http.tls` is needed.',
  },
  'http.tls': {
    form: 'boolean',
    schema: z.boolean(),
    default: () => false,
    description: "Serves HTTPS, with a certificate of the cluster's own authority (`ca/ca.crt` in the directory).",
  },
  'advertise.control': {
    form: 'address',
    schema: advertisedAddress,
    default: () => undefined,
    example: 'wombat.example.org:7420',
    description: 'The address that operators are told, and a name in the certificate. The one listened on when left out.',
  },
  'advertise.agents': {
    form: 'address',
    schema: advertisedAddress,
    default: () => undefined,
    example: 'wombat.example.org:7421',
    description: 'The address that new machines are told to connect to, and a name in the certificate. The one listened on when left out.',
  },
  'advertise.http': {
    form: 'address',
    schema: advertisedAddress,
    default: () => undefined,
    example: 'wombat.example.org:7422',
    description: 'The address of the HTTP door as others are told it, and a name in the certificate. The one listened on when left out.',
  },
  'store.url': {
    form: 'text',
    schema: postgresUrl,
    default: () => undefined,
    example: 'postgresql://wombat@127.0.0.1:5432/wombat',
    description: 'A database of PostgreSQL for the store, as `postgresql://USER@HOST:PORT/DATABASE`, without a password. On another machine it says `?sslmode=verify-full`, with `&sslrootcert=FILE` where the authority is your own, or `?sslmode=disable`. A file in the directory (SQLite) when left out. See docs/guides/operate.md.',
  },
  'store.password': {
    form: 'text',
    schema: secretReference,
    default: () => undefined,
    example: 'file:/etc/wombat/postgres.password',
    description: 'Where the password of that database is: `file:PATH` or `env:NAME`. The password itself is refused.',
  },
  'log.level': {
    form: 'text',
    schema: z.enum(logLevels),
    default: () => 'info',
    description: 'How much is written to the log.',
  },
  'log.format': {
    form: 'text',
    schema: z.enum(logFormats),
    default: () => 'json',
    description: '`json` is one object a line; `text` is for reading.',
  },
  plugins: {
    form: 'list',
    schema: z.array(pluginSource).max(100),
    default: () => [],
    description: 'Plugins beside those that come with Wombat. Text is a folder or the name of a package, which runs in the coordinator. '
      + '`{ name = "acme", command = ["/opt/acme/provider-acme"] }`, in the file only, is a program that serves a provider or a bootstrap strategy, with a process for each '
      + 'registered provider, or one for the strategy; with the name of one that comes with Wombat it takes its place.',
  },
  'limits.maxNodesPerOperation': {
    form: 'integer',
    schema: integer(1, limits.maxNodesPerOperation),
    default: () => limits.maxNodesPerOperation,
    description: 'The largest number of nodes that one operation may deploy.',
  },
  'limits.callsPerSecond': {
    form: 'integer',
    schema: integer(1, 1_000_000),
    default: () => 500,
    description: 'Calls that one token may make each second; after a rest twice as many at once. More are refused with `WO_RATE_LIMITED`.',
  },
  'limits.callsAtOnce': {
    form: 'integer',
    schema: integer(1, 1_000_000),
    default: () => 500,
    description: 'Calls of one token that may run at a time on each door, streams among them.',
  },
  'agent.command': {
    form: 'argv',
    schema: z.array(z.string().min(1)).min(1),
    default: () => [besideAgent('bin/wombat-agent')],
    defaultText: 'the launcher of the agent that comes with the coordinator',
    description: 'Program and arguments of the agent, for drivers that start agents on this machine.',
  },
  'agent.packages': {
    form: 'text',
    schema: z.string().min(1).transform((text) => path.resolve(text)),
    default: () => besideAgent('dist/packages'),
    defaultText: 'the folder that `scripts/package-agent.js` writes to',
    description: 'The directory with the packages of the agent that new machines fetch from the HTTP door.',
  },
  'hosts.enrolTimeoutMs': {
    form: 'integer',
    schema: integer(1_000, 24 * hourMs),
    default: () => 5 * minuteMs,
    description: 'How long a new machine may take until its agent reports; then its host and the nodes on it are failed.',
  },
  'hosts.idleTtlMs': {
    form: 'integer',
    schema: integer(0, 365 * 24 * hourMs),
    default: () => 10 * minuteMs,
    description: 'How long a host without nodes is kept before it is destroyed. 0: for ever.',
  },
  'files.maximumBytes': {
    form: 'integer',
    schema: integer(1, limits.artifactBytes),
    default: () => limits.artifactBytes,
    description: 'The largest file that `wo push` takes to nodes and hosts, and the most that `wo pull` fetches from each of them. 2 GiB is the most.',
  },
  'families.keepRevisions': {
    form: 'integer',
    schema: integer(1, 100),
    default: () => 10,
    description: 'How many earlier revisions of a family are kept to go back to, with their secrets. Those that nodes run are kept beside them.',
  },
  'consoles.idleTimeoutMs': {
    form: 'integer',
    schema: integer(0, 365 * 24 * hourMs),
    default: () => 30 * minuteMs,
    description: 'How long nothing may be typed or written on a console before it is ended. 0: for ever.',
  },
  'consoles.maximumMs': {
    form: 'integer',
    schema: integer(0, 365 * 24 * hourMs),
    default: () => 12 * hourMs,
    description: 'How long a console may be open before it is ended. 0: for ever.',
  },
  'consoles.atOnce': {
    form: 'integer',
    schema: integer(1, 10_000),
    default: () => 100,
    description: 'Consoles that may be open at a time. One more is refused with `WO_RATE_LIMITED`.',
  },
  'hosts.silentAfterMs': {
    form: 'integer',
    schema: integer(1_500, hourMs),
    default: () => liveness.silentAfterMs,
    description: 'How long the agent of a host may say nothing until the host is `unknown`. Agents are asked to say something three times as often.',
  },
  'hosts.lostAfterMs': {
    form: 'integer',
    schema: integer(1_000, 365 * 24 * hourMs),
    default: () => 5 * minuteMs,
    description: 'How long a host is `unknown` until it is `lost`. Then the policies of its families say whether other nodes are deployed in place of its own.',
  },
  'hosts.startGraceMs': {
    form: 'integer',
    schema: integer(1_000, hourMs),
    default: () => minuteMs,
    description: 'How long agents have to come back after a start of the coordinator, before a host that has not is called silent or lost.',
  },
  'providers.callsPerSecond': {
    form: 'integer',
    schema: integer(1, 10_000),
    default: () => 10,
    description: 'Calls about machines that each provider is sent every second; after a rest twice as many at once. A provider that throttles is left alone for as long as it says.',
  },
  'providers.callsAtOnce': {
    form: 'integer',
    schema: integer(1, 1_000),
    default: () => 4,
    description: 'Calls that create machines, and calls that destroy them, that may run at a time at each provider. One that is slow holds up no other.',
  },
  'providers.hostsPerCall': {
    form: 'integer',
    schema: integer(1, 1_000),
    default: () => 10,
    description: 'The largest number of machines that one call asks for, or destroys, when more hosts wait than calls may run.',
  },
  'providers.appearWithinMs': {
    form: 'integer',
    schema: integer(0, 24 * hourMs),
    default: () => minuteMs,
    description: 'How long a new machine may be missing from the list of its provider. When the answer to a creation was lost, the host stays `creating` for as long, until its machine shows up or is asked for again. Drivers that list at once do not wait.',
  },
  'gc.sweepEveryMs': {
    form: 'integer',
    schema: integer(1_000, 24 * hourMs),
    default: () => 5 * minuteMs,
    description: 'How often each provider is asked for its machines, to find those without a host and hosts without a machine. Up to a fifth earlier or later.',
  },
  'gc.automatic': {
    form: 'boolean',
    schema: z.boolean(),
    default: () => false,
    description: 'Destroys machines without a host when they have been there for `gc.removeAfterMs`, without being told to. Otherwise `wo gc` has to be said.',
  },
  'gc.removeAfterMs': {
    form: 'integer',
    schema: integer(minuteMs, 365 * 24 * hourMs),
    default: () => 15 * minuteMs,
    description: 'How long a machine must have been without a host before it is destroyed automatically.',
  },
  'certificates.lifetimeMs': {
    form: 'integer',
    schema: integer(5_000, 365 * 24 * hourMs),
    default: () => 24 * hourMs,
    description: 'Life of the certificate of a host. Agents renew it after two thirds.',
  },
  'certificates.renewalGraceMs': {
    form: 'integer',
    schema: integer(0, 365 * 24 * hourMs),
    default: () => 7 * 24 * hourMs,
    description: 'How long after its end the certificate of a host still serves to get the next one, and for nothing else. A host that was away for longer has to enrol anew.',
  },
  'history.keepMs': {
    form: 'integer',
    schema: integer(48 * hourMs, 3_650 * 24 * hourMs),
    default: () => 30 * 24 * hourMs,
    description: 'How long what is over is kept: finished jobs and operations, used and expired tokens, expired certificates, nodes and hosts that are gone. At least two days.',
  },
  'history.jobBytes': {
    form: 'integer',
    schema: integer(1024 * 1024, 1024 ** 4),
    default: () => 2 * 1024 ** 3,
    description: 'What finished jobs with the outputs of their commands may take in the store, in bytes. When it is more, the oldest go before their time; what ended less than an hour ago stays.',
  },
  'events.keep': {
    form: 'integer',
    schema: integer(1_000, 100_000_000),
    default: () => 1_000_000,
    description: 'How many events are kept; the oldest go first.',
  },
};

export const keyNames = Object.keys(keys) as ConfigurationKey[];

/** "limits.maxNodesPerOperation" -> "limits-max-nodes-per-operation" */
export function flagOf(key: string): string {
  return key.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** "limits.maxNodesPerOperation" -> "WOMBAT_LIMITS_MAX_NODES_PER_OPERATION" */
export function variableOf(key: string): string {
  return `WOMBAT_${flagOf(key).replaceAll('-', '_').toUpperCase()}`;
}

function defaultDirectory(): string {
  return process.getuid?.() === 0 ? '/var/lib/wombat' : path.join(homedir(), '.local', 'state', 'wombat');
}
