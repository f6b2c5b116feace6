import type { PluginLog } from '@wombat/plugin-sdk';
import { ProgramSession, type SessionTimes } from '@wombat/plugin-sdk/host';
import { orAborted, withDeadline } from '@wombat/proto';
import { PluginServiceService, type Description } from '@wombat/proto/plugin';
import type { PluginProgram } from './plugin-program.js';
import type { SupervisorTimes } from './supervisor.js';

export interface ProgramTimes {
  readonly session?: Partial<SessionTimes>;
  readonly supervisor?: Partial<SupervisorTimes>;
}

/** Told when a program is left alone because it ends again and again. */
export type OnBreak = (told: { readonly plugin: string; readonly subjectId: string; readonly message: string }) => void;

export interface ProgramOptions {
  readonly program: PluginProgram;
  /** For what a program prints that works for no provider. */
  readonly log: PluginLog;
  readonly onBreak: OnBreak;
  readonly times?: ProgramTimes;
}

/** For what the plugin does without reaching a provider. */
export const answerMs = 10_000;

/** Starts the program for one question. */
export async function askProgram<T>({ program, log, times }: ProgramOptions, question: (session: ProgramSession) => Promise<T>): Promise<T> {
  const session = await ProgramSession.open({ command: program.command, log, times: times?.session ?? {} });
  try {
    return await orAborted(question(session), withDeadline(answerMs, 'its answer'));
  } finally {
    // Its end is not waited for: the answer is there.
    void session.end();
  }
}

export async function describeProgram(session: ProgramSession): Promise<Description | undefined> {
  return (await session.call(PluginServiceService.describe, {}, answerMs)).description;
}

/** @throws Error when what was started is not what was found at the start of the coordinator */
export async function expectSameProgram(session: ProgramSession, { name, version, kind }: Description): Promise<void> {
  const now = await describeProgram(session);
  if (now?.name === name && now.version === version && now.kind === kind) return;
  throw new Error('the program is another than at the start of the coordinator: start the coordinator again');
}
