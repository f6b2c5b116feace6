/** One setting of the agent: a flag, a variable of the environment, a key of the configuration file. */
export interface Setting {
  /** How the value is shown in the help. */
  readonly argument: string;
  readonly meaning: string;
  readonly default?: string;
  /** Several values: the flag repeated, or a comma between. */
  readonly isList?: boolean;
}

/** Every setting, in the order of the help. */
export const settings = {
  directory: { argument: 'DIR', meaning: 'where the agent keeps its identity, its journal and its nodes', default: '/var/lib/wombat-agent' },
  coordinator: { argument: 'HOST:PORT', meaning: "the coordinator's address for agents; required" },
  'join-token-file': { argument: 'FILE', meaning: 'a join token, needed once; the file is removed when the host has joined' },
  address: { argument: 'IP', meaning: 'the address at which other hosts reach this one; else those of the interfaces' },
  label: { argument: 'KEY=VALUE', meaning: 'a label of this host', isList: true },
  'epmd-addresses': { argument: 'IP,IP', meaning: 'the addresses that epmd shall listen on; else all', isList: true },
  'epmd-directory': { argument: 'DIR', meaning: "where epmd's lock and log are kept, shared by agents that share an epmd; else in the agent's directory" },
  'exec-policy': { argument: 'FILE', meaning: "which commands of the coordinator may run here, see docs/reference/commands.md; else exec-policy.json in the agent's directory, if there is one" },
  'exec-queue': { argument: 'NUMBER', meaning: 'how many commands may wait while 64 run; what comes on top is rejected', default: '1000' },
  'log-level': { argument: 'LEVEL', meaning: 'trace, debug, info, warn, error or silent', default: 'info' },
  'log-file': { argument: 'FILE', meaning: 'log into this file, kept under 20 MiB, instead of to standard error' },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

export const settingNames = Object.keys(settings) as readonly SettingName[];

export function settingOf(name: SettingName): Setting {
  return settings[name];
}

/** "epmd-addresses" is WOMBAT_AGENT_EPMD_ADDRESSES in the environment. */
export function environmentName(name: SettingName): string {
  return `WOMBAT_AGENT_${name.toUpperCase().replaceAll('-', '_')}`;
}
