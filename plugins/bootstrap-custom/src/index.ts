import { apiVersions, command, defineBootstrapStrategy, JoinOrder, step, z } from '@wombat/plugin-sdk';
import { contactName, parseJoinCommand } from './join-command.js';

/** Exit code of the command that means "try again later". */
export const tryAgainExitCode = 75;

const joinCommand = z.string().superRefine((text, context) => {
  try {
    parseJoinCommand(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});

/**
 * A command of the release joins the node:
 *
 *   wo create-family "Riak node family" --sel random --clust custom --clust-opt cmd:bin/bootstrap
 */
export const plugin = defineBootstrapStrategy({
  name: 'custom',
  version: '0.1.0',
  apiVersions: [apiVersions.bootstrapStrategy],
  summary: 'a command of the release joins each node, given the contacts as arguments',
  joinOrder: JoinOrder.SERIAL,
  options: z.object({
    cmd: joinCommand.describe('command, a path in the node\'s root and its first arguments: bin/bootstrap'),
    deadline: z.number().positive().max(3_600).default(60).describe('seconds for all attempts together'),
  }),
  planJoin({ options, contacts }) {
    const names = contacts.map(contactName);
    // The agent adds WOMBAT_NODE_NAME, WOMBAT_FAMILY and WOMBAT_COOKIE_FILE.
    const action = command([...parseJoinCommand(options.cmd), ...names], { WOMBAT_CONTACTS: names.join(',') });
    return [step('join', action, { deadlineMs: options.deadline * 1_000, retryExitCodes: [tryAgainExitCode], intervalMs: 1_000 })];
  },
});
