import { apiVersions, command, defineBootstrapStrategy, JoinOrder, step, z } from '@wombat/plugin-sdk';
import { contactName, parseRootCommand } from './root-command.js';

/** Exit code of the command that means "try again later". */
export const tryAgainExitCode = 75;

/** Survivors that a leave is told of: a step is bounded, families are not. */
const mostNames = 50;

const rootCommand = z.string().superRefine((text, context) => {
  try {
    parseRootCommand(text);
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
    cmd: rootCommand.describe('command, a path in the node\'s root and its first arguments: bin/bootstrap'),
    deadline: z.number().positive().max(3_600).default(60).describe('seconds for all attempts together'),
    leave: rootCommand.optional().describe('command that is run before a node is drained, removed or updated, as cmd is: bin/leave'),
    leaveOn: z.enum(['node', 'survivor']).default('node').describe('where leave is run: on the node that leaves, given the survivors as arguments, or on a survivor, given the name of the one that leaves'),
  }),
  planJoin({ options, contacts }) {
    const names = contacts.map(contactName);
    // The agent adds WOMBAT_NODE_NAME, WOMBAT_FAMILY and WOMBAT_COOKIE_FILE.
    const action = command([...parseRootCommand(options.cmd), ...names], { WOMBAT_CONTACTS: names.join(',') });
    return [step('join', action, { deadlineMs: options.deadline * 1_000, retryExitCodes: [tryAgainExitCode], intervalMs: 1_000 })];
  },
  planLeave({ options, leaving, survivors }) {
    const nobody = { runOnNodeId: '', steps: [] };
    if (options.leave === undefined) return nobody;
    const onSurvivor = options.leaveOn === 'survivor';
    // The last of them has nobody to be told.
    if (onSurvivor && survivors.length === 0) return nobody;
    const name = contactName(leaving);
    const names = survivors.slice(0, mostNames).map(contactName);
    const action = command([...parseRootCommand(options.leave), ...(onSurvivor ? [name] : names)], { WOMBAT_CONTACTS: names.join(','), WOMBAT_LEAVING: name });
    const steps = [step('leave', action, { deadlineMs: options.deadline * 1_000, retryExitCodes: [tryAgainExitCode], intervalMs: 1_000 })];
    return { runOnNodeId: onSurvivor ? survivors[0]!.nodeId : '', steps };
  },
});
