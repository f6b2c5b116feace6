import { readFileSync } from 'node:fs';
import { ProviderError } from '@wombat/plugin-sdk';

const actions = readFileSync(new URL('../remote/machine.sh', import.meta.url), 'utf8');

/** What is to be done on a machine. */
export type Action = 'look' | 'ensure' | 'release' | 'log';

export type Scope = 'system' | 'home';

export interface Reservation {
  readonly host: string;
  readonly key: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Installs the agent. */
  readonly payload: string;
  /** Words for it. */
  readonly options: readonly string[];
}

export interface ScriptOptions extends Partial<Reservation> {
  readonly scope: Scope;
  readonly cluster: string;
}

/** The script of one action. @throws ProviderError invalid for what a shell or a line cannot hold */
export function machineScript(action: Action, { scope, cluster, host = '', key = '', tags = {}, payload = '', options = [] }: ScriptOptions): string {
  const values = {
    scope, cluster, host, key, payload,
    tags: Object.entries(tags).map(([name, value]) => oneLine('tags', `${name}=${value}`)).join('\n'),
    options: options.map((word) => `${oneLine('labels', word)}\n`).join(''),
    worker: action === 'ensure' ? `${assignment('scope', scope)}${actions}work\n` : '',
  };
  return `${Object.entries(values).map(([name, value]) => assignment(name, value)).join('')}${actions}${action}\n`;
}

function assignment(name: string, value: string): string {
  if (value.includes('\0')) throw ProviderError.invalid(name, 'has a zero byte, which a shell cannot hold');
  return `${name}='${value.replaceAll("'", "'\\''")}'\n`;
}

function oneLine(field: string, text: string): string {
  if (/[\r\n]/.test(text)) throw ProviderError.invalid(field, 'has a line break');
  return text;
}
