import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the whole project, from dist/support. */
export const checkout = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

export const launchers = {
  coordinator: join(checkout, 'coordinator/bin/wombat-coordinator'),
  agent: join(checkout, 'agent/bin/wombat-agent'),
  wo: join(checkout, 'cli/bin/wo.js'),
} as const;

/** What the agent's launcher starts in a checkout, for Node. */
export const agentProgram = join(checkout, 'agent/dist/main.js');

export const fixtures = join(checkout, 'test/fixtures');

const erlangPrograms = ['rebar3', 'erl', 'epmd', 'erl_call'];

/** For `skip` of a test that needs Erlang: false, or the reason. */
export function withoutErlang(): string | false {
  return without(...erlangPrograms);
}

/** For `skip` of a test that needs these programs: false, or the reason. */
export function without(...programs: readonly string[]): string | false {
  const missing = programs.find((program) => !isInstalled(program));
  return missing === undefined ? false : `${missing} is not installed`;
}

/** The same for a test that needs Elixir too. */
export function withoutElixir(): string | false {
  return withoutErlang() || (isInstalled('mix') ? false : 'mix is not installed');
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
