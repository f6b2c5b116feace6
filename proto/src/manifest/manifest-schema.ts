import { z } from 'zod';

/** In the root of the tarball. */
export const manifestFileName = 'wombat.release.yaml';
/** Longer ones are not read. */
export const manifestFileBytes = 256 * 1024;

/** YAML reads 1.10 as the number 1.1: what is text must be written as text. */
const text = z.string({ error: (issue) => (issue.input === undefined ? undefined : 'text; put it in quotes') });
const duration = text.regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'a duration such as "500ms", "30s" or "2m"');
const size = text.regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$/, 'a size such as "512MiB" or "2GiB"');
const count = z.int().min(1).max(2 ** 31);

const portNumbers = '"auto" or a number from 1 to 65535';
const port = z.strictObject({
  name: text.describe('name: `{{node.port.NAME}}` in templates, `WOMBAT_PORT_NAME` in the environment'),
  protocol: z.enum(['tcp', 'udp']).default('tcp').describe('`tcp` or `udp`'),
  number: z
    .union([z.int(portNumbers).min(1, portNumbers).max(65_535, portNumbers), z.literal('auto')], portNumbers)
    .default('auto')
    .describe('`auto`: a free one for each node. A number: this one, and no two nodes that use it are placed on one host'),
});

const ready = z
  .strictObject({
    command: text.optional().describe('ready when this command exits with 0'),
    port: text.optional().describe('ready when something listens on the port of this name'),
    aliveFor: duration.optional().describe('ready when it has not ended this long after its start'),
    erlang: z.literal(true).optional().describe('ready when the Erlang node answers and its applications are started'),
    timeout: duration.optional().describe('a node that is not ready by then has failed. Left out: `60s`'),
  })
  .describe('when a started node counts as ready; one check at most. Left out: `erlang` for OTP releases, else `aliveFor: 200ms`');

const limits = z
  .strictObject({
    openFiles: count.optional().describe('open files of each process'),
    processes: count.optional().describe('processes of the user'),
    nice: z.int().min(-20).max(19).optional().describe('-20 to 19; below 0 only where the agent may'),
    memory: size.optional().describe("memory of the node's processes together, where the host has control groups"),
  })
  .describe("of a node's processes. Left out: as the agent's own");

const needs = z
  .strictObject({
    memory: size.optional().describe('memory that must be available'),
    disk: size.optional().describe('free space beside what the release itself takes'),
  })
  .describe('what a host must have free before a node is started on it');

const argument = z.strictObject({
  name: text.describe('name of the argument'),
  type: z.enum(['string', 'integer', 'number', 'bool', 'choice', 'duration']).default('string').describe('`string`, `integer`, `number`, `bool` (a flag), `choice` or `duration`; what is not of its type is refused before anything runs'),
  help: text.optional().describe('one line for its help'),
  required: z.boolean().default(false).describe('whether it must be given'),
  default: text.optional().describe('what it is when it is not given, as text'),
  positional: z.boolean().default(false).describe('whether it may be given by its place instead of as `--NAME`'),
  choices: z.array(text).min(1).optional().describe('of a `choice`: what it may be'),
});

const command = z.strictObject({
  name: text.describe('name of the command'),
  help: text.optional().describe('one line for its help'),
  argv: z.array(text).min(1).describe('program and arguments; a program with a slash is a file of the release. `{{argument.NAME}}` is an argument, as a word or in one'),
  arguments: z.array(argument).optional().describe('what whoever runs it may give. Those that `argv` does not name stand behind it, in this order'),
});

/** wombat.release.yaml: what reads it, its JSON Schema and its reference page are made from this. */
export const manifestSchema = z.strictObject({
  apiVersion: z.literal('wombat/v1', { error: 'missing, or not wombat/v1' }).describe('`wombat/v1`; needed'),
  name: text.optional().describe('name of the release. Left out: from the OTP layout'),
  version: text.optional().describe('version of the release. Left out: from the OTP layout, else `1`'),
  start: text.optional().describe('command that starts a node, split as a POSIX shell would; nothing is expanded, no shell is used. Left out: from the OTP layout, else an error'),
  stop: text.optional().describe('command that stops it in good order; TERM and KILL follow when it does not. Left out: `init:stop` for OTP releases, else TERM'),
  drain: text.optional().describe('command that is run on a node before it is drained, removed or updated, while it still runs: exit 0 = it may be stopped, 75 = ask again, anything else = it is left running and the operation fails. It may be run again after a restart of the coordinator'),
  drainTimeout: duration.optional().describe('time for the drain command, all tries together. Left out: `60s`'),
  nodeName: text.optional().describe('base of the Erlang node name: `riak` gives `riak-<n>@<address>`. Left out: from `vm.args`'),
  mode: z.enum(['foreground', 'daemon']).optional().describe('`foreground`: the process started is the node. `daemon`: the command returns and the node runs on. Left out: `foreground`'),
  pidCommand: text.optional().describe('`daemon`: prints the pid. Left out: the session of the start command is searched'),
  templates: z.array(text).optional().describe('paths that are rendered for each node, see [templates](templates.md). Left out: `vm.args` of OTP releases, and `sys.config` when it has placeholders'),
  ports: z.array(port).optional().describe('ports that a node listens on'),
  ready: ready.optional(),
  stopTimeout: duration.optional().describe('time for the stop command, before TERM. Left out: `30s`'),
  runAs: text.optional().describe("name of the user that nodes run as. Left out: the agent's own"),
  limits: limits.optional(),
  needs: needs.optional(),
  dataDirectory: z.boolean().optional().describe('whether nodes keep data in `{{node.dataDir}}`, which outlives their root. Left out: whether anything names it'),
  sharedPaths: z.array(text).optional().describe('paths that the roots of nodes may link instead of copying. OTP releases: also `lib` and `erts-*`'),
  logFiles: z.array(text).optional().describe('globs of log files that the release writes by itself, in its root, or in its data directory when they begin with `{{node.dataDir}}/`; see [logs](logs.md)'),
  environment: z.record(z.string(), text).optional().describe("variables of each node; the family's win over them"),
  console: text.optional().describe('command that `wo console` runs on a terminal, split as `start` is. Left out: the remote console of OTP releases, else a shell'),
  commands: z.array(command).optional().describe('commands that the release offers to `wo run`, see [commands](commands.md#commands-of-a-release)'),
});

export type ManifestDocument = z.infer<typeof manifestSchema>;

/** What is published, and what editors check against. */
export function manifestJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(manifestSchema, { io: 'input' });
  return { $schema, title: `Wombat release manifest (${manifestFileName})`, ...schema };
}
