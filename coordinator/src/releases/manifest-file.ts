import { WombatError } from '@wombat/proto';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ManifestInput } from '../domain/release/manifest-input.js';

/** In the root of the tarball. */
export const manifestFileName = 'wombat.release.yaml';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'a duration such as "500ms", "30s" or "2m"')
  .describe('number and unit: ms, s, m or h');
const port = z.strictObject({
  name: z.string().describe('name, used as {{node.port.NAME}}'),
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
  number: z.union([z.int().min(1).max(65_535), z.literal('auto')]).default('auto').describe('a fixed number means one node of the release on a host'),
});
const ready = z.strictObject({
  command: z.string().optional().describe('ready when it exits with 0'),
  port: z.string().optional().describe('ready when something listens on the port of this name'),
  aliveFor: duration.optional().describe('ready when it has not ended this long after its start'),
  erlang: z.literal(true).optional().describe('ready when the Erlang node answers'),
  timeout: duration.optional(),
});

/** Schema of wombat.release.yaml; `z.toJSONSchema` of it is what is published. */
export const manifestSchema = z.strictObject({
  apiVersion: z.literal('wombat/v1'),
  name: z.string().optional(),
  version: z.string().optional(),
  start: z.string().optional().describe('split as a POSIX shell would, without expansion'),
  stop: z.string().optional(),
  nodeName: z.string().optional().describe('base of the Erlang node name'),
  mode: z.enum(['foreground', 'daemon']).optional(),
  templates: z.array(z.string()).optional(),
  ports: z.array(port).optional(),
  ready: ready.optional(),
  stopTimeout: duration.optional(),
  sharedPaths: z.array(z.string()).optional().describe('paths that the roots of nodes may link instead of copying'),
  logFiles: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  pidCommand: z.string().optional(),
});

export interface ManifestFile {
  readonly name: string;
  readonly version: string;
  readonly input: ManifestInput;
}

/** @throws WombatError WO_MANIFEST_INVALID that names each field that is wrong */
export function parseManifestFile(text: string): ManifestFile {
  const parsed = manifestSchema.safeParse(readYaml(text));
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
    throw new WombatError('WO_MANIFEST_INVALID', `${manifestFileName}: ${problems.join('; ')}`);
  }
  const { apiVersion: _, name = '', version = '', ready: check, ports, stopTimeout, ...rest } = parsed.data;
  const input: ManifestInput = {
    ...rest,
    ports: ports?.map((one) => ({ ...one, number: one.number === 'auto' ? 0 : one.number })),
    ready: check && readyRule(check),
    readyTimeoutMs: check?.timeout === undefined ? undefined : toMs(check.timeout),
    stopTimeoutMs: stopTimeout === undefined ? undefined : toMs(stopTimeout),
  };
  return { name, version, input };
}

function readYaml(text: string): unknown {
  try {
    // Few aliases: a small file must not become a large one.
    return parse(text, { maxAliasCount: 20 });
  } catch (error) {
    throw new WombatError('WO_MANIFEST_INVALID', `${manifestFileName}: ${(error as Error).message.split('\n')[0]}`);
  }
}

function readyRule(check: z.infer<typeof ready>): ManifestInput['ready'] {
  const rules: NonNullable<ManifestInput['ready']>[] = [];
  if (check.command !== undefined) rules.push({ kind: 'command', command: check.command });
  if (check.port !== undefined) rules.push({ kind: 'port', port: check.port });
  if (check.aliveFor !== undefined) rules.push({ kind: 'alive', aliveForMs: toMs(check.aliveFor) });
  if (check.erlang) rules.push({ kind: 'erlang' });
  if (rules.length > 1) throw new WombatError('WO_MANIFEST_INVALID', `${manifestFileName}: ready says more than one of command, port, aliveFor and erlang`);
  return rules[0];
}

function toMs(text: string): number {
  const [, number, unit] = /^([\d.]+)(\w+)$/.exec(text)!;
  return Math.round(Number(number) * unitsMs[unit!]!);
}
