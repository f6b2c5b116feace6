import { z } from '@wombat/plugin-sdk';

const profile = z.strictObject({
  cpus: z.number().min(0.01).max(1_024),
  memoryMb: z.int().min(64).max(64 * 1024 * 1024),
});

const settingsShape = z.object({
  socketPath: z.string().startsWith('/', 'is no absolute path').max(100).default('/var/run/docker.sock').describe('the engine\'s socket on the coordinator\'s machine'),
  host: z.string().regex(/^[\w.:-]{1,253}$/, 'is no name or address of a host').optional().describe('name or address of a host whose engine listens on TCP, instead of the socket'),
  port: z.int().min(1).max(65_535).optional().describe('its port; default: 2376 with TLS, 2375 without'),
  ca: z.secret().min(1).optional().describe('authority of that engine\'s certificate, PEM'),
  cert: z.secret().min(1).optional().describe('certificate that is shown to it, PEM'),
  key: z.secret().min(1).optional().describe('private key of that certificate, PEM'),
  network: z.string().regex(/^(?!(host|none)$)[a-zA-Z0-9][\w.-]{0,127}$/, 'is no name of a network that gives containers addresses of their own').default('bridge')
    .describe('network that all hosts are attached to'),
  pull: z.enum(['never', 'missing']).default('never').describe('whether an image that the engine does not have is pulled from its registry'),
  hardwareProfiles: z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,39}$/, 'a hardware profile is named by a-z, 0-9, dot and dash'), profile)
    .refine((all) => Object.keys(all).length > 0, 'names none')
    .default({ small: { cpus: 1, memoryMb: 1_024 }, medium: { cpus: 2, memoryMb: 4_096 }, large: { cpus: 4, memoryMb: 16_384 } })
    .describe('JSON object of what hosts may use at most: {"small": {"cpus": 1, "memoryMb": 1024}}'),
  labels: z.record(z.string().regex(/^(?!wombat-)[\w./-]{1,128}$/, 'a label is letters, digits and _./- and does not begin with wombat-'), z.string().max(256))
    .default({}).describe('JSON object of labels for all containers'),
  agentUser: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'is no name of a user').default('wombat-agent').describe('whom the agent runs as, made when it is missing; root: releases can name the user of their nodes'),
});

/** TLS is whole or not at all. */
export const dockerSettings = settingsShape.check(({ value, issues }) => {
  const message = tlsFault(value);
  if (message !== undefined) issues.push({ code: 'custom', path: ['host'], message, input: undefined });
});

export type DockerSettings = z.output<typeof settingsShape>;

function tlsFault({ host, port, ca, cert, key }: DockerSettings): string | undefined {
  const given = [ca, cert, key].filter((value) => value !== undefined).length;
  if (host === undefined) return given > 0 || port !== undefined ? 'is needed with port, ca, cert and key' : undefined;
  return given === 0 || given === 3 ? undefined : 'of ca, cert and key all are needed, or none';
}
