import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import type { ErlangSpec } from '@wombat/proto/agent';
import type { RunAs } from '../accounts/run-as.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import { isSuccess } from '../processes/exit-status.js';
import { findProgram } from '../processes/find-program.js';
import { runBriefly, type BriefResult } from '../processes/run-briefly.js';
import { applyExpression, evaluationOf, parseEvaluation, type Evaluation } from './evaluation.js';

export interface ErlCallTarget {
  readonly erlang: ErlangSpec;
  /** HOME of the node: erl_call reads the cookie from a file there, so that it is in no argv. */
  readonly homeDirectory: string;
  readonly rootDirectory: string;
  readonly path: string;
  /** The node's user: what lies in its root is run with no other rights. */
  readonly runAs?: RunAs | undefined;
}

const maximumOutputBytes = 16 * 1024 * 1024;

/** Talks to a running Erlang node by erl_call, always without `-c`. */
export class ErlCall {
  readonly #target: ErlCallTarget;

  constructor(target: ErlCallTarget) {
    this.#target = target;
  }

  /** Whether the node answers `erlang:node()` with its own name. */
  async ping(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const result = await this.#run(['-a', 'erlang node []'], timeoutMs, '', signal);
    const name = result.stdout.toString('utf8').trim().replace(/^'(.*)'$/, '$1');
    return isSuccess(result.exit) && name === this.#target.erlang.nodeName;
  }

  /**
   * Whether its boot script is through, which starts the applications one after another: long before that a node answers,
   * and one whose application fails to start still ends.
   */
  async hasBooted(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const result = await this.#run(['-a', 'init get_status []'], timeoutMs, '', signal);
    // The second is what the boot script said last; the first also waits for functions that -s and -eval were given.
    return isSuccess(result.exit) && /^\{\w+,\s*started\}/.test(result.stdout.toString('utf8').trim());
  }

  /** Value of the last of several expressions, in Erlang syntax unless it is said to be text; or why there is none. */
  async evaluate(expressions: string, timeoutMs: number, signal?: AbortSignal, isText = false): Promise<Evaluation> {
    const result = await this.#run(['-e'], timeoutMs, evaluationOf(expressions, isText), signal);
    const answer = isSuccess(result.exit) ? parseEvaluation(result.stdout.toString('utf8')) : undefined;
    return answer ?? { kind: 'failure', text: complaint(result) };
  }

  apply(module: string, functionName: string, argumentList: string, timeoutMs: number, signal?: AbortSignal): Promise<Evaluation> {
    return this.evaluate(applyExpression(module, functionName, argumentList), timeoutMs, signal);
  }

  /** Asks for an orderly end; resolves when the node has accepted. @throws WombatError WO_NODE_NOT_RUNNING */
  async stop(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const result = await this.#run(['-a', 'init stop []'], timeoutMs, '', signal);
    if (!isSuccess(result.exit)) throw new WombatError('WO_NODE_NOT_RUNNING', complaint(result));
  }

  #run(action: readonly string[], timeoutMs: number, input: string, signal?: AbortSignal): Promise<BriefResult> {
    const { erlang, homeDirectory, path, runAs } = this.#target;
    const nameOption = erlang.longNames ? '-name' : '-sname';
    const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
    return runBriefly({
      // A random name of its own, so that calls at once do not take each other for a duplicate.
      argv: [this.#program(), '-r', nameOption, erlang.nodeName, '-timeout', seconds, ...action],
      workingDirectory: homeDirectory,
      environment: cleanEnvironment({ path, home: homeDirectory }, erlang.epmdPort ? { ERL_EPMD_PORT: String(erlang.epmdPort) } : {}),
      runAs,
      input,
      timeoutMs,
      maximumOutputBytes,
    }, signal);
  }

  #program(): string {
    const program = findErlangProgram('erl_call', this.#target.rootDirectory, this.#target.path);
    if (!program) throw new WombatError('WO_ERLANG_MISSING', 'neither the host nor the release has erl_call');
    return program;
  }
}

function complaint({ stderr, stdout }: BriefResult): string {
  const text = `${stderr.toString('utf8')}${stdout.toString('utf8')}`.trim();
  // It would repeat the whole of our expression.
  if (text.startsWith('erl_call: evaluating input failed')) return 'the node ended, or its connection was lost, before it answered';
  return text === '' ? 'erl_call failed and said nothing' : text.slice(0, 2048);
}

/** A program of Erlang: the host's own, else the release's (erts-VERSION/bin). */
export function findErlangProgram(name: string, rootDirectory: string, path: string): string | undefined {
  return findProgram(name, '/', path) ?? runtimeFolders(rootDirectory)
    .map((folder) => findProgram(join(rootDirectory, folder, 'bin', name), '/', path))
    .find((file) => file !== undefined);
}

function runtimeFolders(rootDirectory: string): string[] {
  try {
    return readdirSync(rootDirectory).filter((name) => name.startsWith('erts-')).sort().reverse();
  } catch {
    return [];
  }
}
