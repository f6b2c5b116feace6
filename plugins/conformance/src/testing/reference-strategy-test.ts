import { fileURLToPath } from 'node:url';
import { ScriptNodes } from '../nodes/script-nodes.js';
import type { StrategyConformanceOptions } from '../strategy-options.js';

const program = fileURLToPath(new URL('./reference-strategy-program.js', import.meta.url));

/** What the broken ones run. */
const scripts = {
  'join-once': '[ "$(wc -l <"$CLUSTER/$me")" -lt 2 ] || { echo "a member already" >&2; exit 1; }\nexec bin/join "$@"\n',
  'leave-once': '[ "$(wc -l <"$CLUSTER/$1")" -gt 1 ] || { echo "no member any more" >&2; exit 1; }\nexec bin/leave "$@"\n',
  'lock': 'mkdir lock\n',
  'unlock': 'rmdir lock\n',
};

/** Options for the reference strategy, which breaks one check or none. */
export function referenceStrategyOptions(broken = ''): StrategyConformanceOptions & { readonly command: readonly string[] } {
  return {
    command: [process.execPath, program, broken], options: { ring: 'main' }, nodes: async () => new ScriptNodes(scripts),
    // Others use this machine too.
    slack: 5,
  };
}
