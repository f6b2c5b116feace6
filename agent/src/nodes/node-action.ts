import { WombatError } from '@wombat/proto';
import type { Action } from '@wombat/proto/types';
import { isSuccess } from '../processes/exit-status.js';
import { findProgram } from '../processes/find-program.js';
import { runBriefly } from '../processes/run-briefly.js';
import { erlCallOf, fillPaths, nodeEnvironment, ownerOf, type NodeContext } from './node-context.js';

export interface ActionResult {
  readonly succeeded: boolean;
  /** What it printed or the value it has, or why it failed. */
  readonly output: string;
}

/**
 * Runs an action of a node to its end: ready checks and stop actions.
 * @throws WombatError WO_NODE_START_FAILED, WO_DEADLINE_EXCEEDED, WO_ERLANG_MISSING
 */
export async function runNodeAction(action: Action, context: NodeContext, timeoutMs: number, signal: AbortSignal): Promise<ActionResult> {
  const kind = action.kind;
  if (kind?.$case === 'command') return runCommand(kind.value.argv, kind.value.environment, context, timeoutMs, signal);
  if (kind === undefined || kind.$case === 'putFile') throw new WombatError('WO_NODE_START_FAILED', 'an action says nothing to run');
  const erlCall = erlCallOf(context);
  const evaluation = kind.$case === 'erlangEval'
    ? await erlCall.evaluate(kind.value.expressions, timeoutMs, signal, kind.value.text)
    : await erlCall.apply(kind.value.module, kind.value.function, kind.value.arguments, timeoutMs, signal);
  return { succeeded: evaluation.kind === 'value', output: evaluation.text };
}

/** argv with its paths filled in and the program looked up; paths are seen from a directory. @throws WombatError WO_NODE_START_FAILED */
export function resolveArgv(argv: readonly string[], context: NodeContext, environment: Readonly<Record<string, string>>, directory = context.paths.root): string[] {
  return findArgv(argv.map((text) => fillPaths(text, context)), context, environment, directory);
}

/** argv as it stands, with the program looked up. @throws WombatError WO_NODE_START_FAILED */
export function findArgv([name = '', ...args]: readonly string[], context: NodeContext, environment: Readonly<Record<string, string>>, directory: string): string[] {
  const program = findProgram(name, directory, environment.PATH ?? context.path);
  if (!program) throw new WombatError('WO_NODE_START_FAILED', `there is no program ${JSON.stringify(name)} in the release or in PATH`);
  return [program, ...args];
}

async function runCommand(
  argv: readonly string[], added: Readonly<Record<string, string>>, context: NodeContext, timeoutMs: number, signal: AbortSignal,
): Promise<ActionResult> {
  const environment = nodeEnvironment(context, added);
  const result = await runBriefly(
    { argv: resolveArgv(argv, context, environment), workingDirectory: context.paths.root, environment, runAs: ownerOf(context), timeoutMs },
    signal,
  );
  return { succeeded: isSuccess(result.exit), output: `${result.stdout.toString('utf8')}${result.stderr.toString('utf8')}` };
}
