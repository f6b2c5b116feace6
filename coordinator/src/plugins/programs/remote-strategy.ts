import type { MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { ProviderError, type BootstrapStrategyPlugin, type CallContext, type Member, type Note, type Step, type StrategyOptions } from '@wombat/plugin-sdk';
import { ProgramSession } from '@wombat/plugin-sdk/host';
import { fromServiceError, WombatError } from '@wombat/proto';
import { BootstrapStrategyServiceService as methods, type DescribeStrategyResponse } from '@wombat/proto/plugin';
import { oneLine } from '../one-line.js';
import { reasonOf } from '../plugin-fault.js';
import type { Supervised } from '../supervised.js';
import { expectSameProgram, type ProgramOptions } from './ask-program.js';
import { Supervisor } from './supervisor.js';

/** No call takes longer, whatever its caller's deadline is. */
const longestCallMs = 60_000;

type Request<M extends 'planInputs' | 'planJoin' | 'planCheck' | 'readMembers' | 'planLeave'> = Parameters<BootstrapStrategyPlugin[M]>[0];

/** A bootstrap strategy whose plugin is a program: one process for all families, started with the first question. */
export class RemoteStrategy implements BootstrapStrategyPlugin, Supervised {
  readonly kind = 'bootstrap-strategy';
  readonly description: BootstrapStrategyPlugin['description'];
  readonly joinOrder: BootstrapStrategyPlugin['joinOrder'];
  readonly withoutInputs: boolean;
  readonly #options: ProgramOptions;
  readonly #supervisor: Supervisor;

  constructor(options: ProgramOptions, { description, joinOrder, withoutInputs }: DescribeStrategyResponse) {
    if (!description) throw new Error('it describes itself without a description');
    this.#options = options;
    this.description = description;
    this.joinOrder = joinOrder;
    this.withoutInputs = withoutInputs;
    const { log, onBreak, times } = options;
    this.#supervisor = new Supervisor({
      open: async () => await this.#open(),
      toReason: (error) => oneLine(reasonOf(error), 500),
      onCrash: (reason) => log.warn(`the plugin is started again: ${reason}`),
      onBreak: (message) => {
        log.error(message);
        onBreak({ plugin: description.name, subjectId: '', message });
      },
      times: times?.supervisor ?? {},
    });
  }

  /** Why its program is left alone, if it is. */
  get trouble(): string | undefined {
    return this.#supervisor.trouble;
  }

  async validate(options: StrategyOptions, context?: CallContext): Promise<readonly Note[]> {
    return (await this.#call(methods.validateOptions, { options: JSON.stringify(options) }, context)).notes;
  }

  async planInputs({ options, self, contacts }: Request<'planInputs'>, context?: CallContext): Promise<Readonly<Record<string, string>>> {
    return (await this.#call(methods.planInputs, { options: JSON.stringify(options), self, contacts: [...contacts] }, context)).inputs;
  }

  async planJoin({ options, familyName, self, contacts }: Request<'planJoin'>, context?: CallContext): Promise<readonly Step[]> {
    return (await this.#call(methods.planJoin, { options: JSON.stringify(options), familyName, self, contacts: [...contacts] }, context)).steps;
  }

  async planCheck({ options, self }: Request<'planCheck'>, context?: CallContext): Promise<readonly Step[]> {
    return (await this.#call(methods.planCheck, { options: JSON.stringify(options), self }, context)).steps;
  }

  async readMembers({ options, self, output }: Request<'readMembers'>, context?: CallContext): Promise<readonly string[]> {
    return (await this.#call(methods.readMembers, { options: JSON.stringify(options), self, output: Buffer.from(output) }, context)).members;
  }

  async planLeave(
    { options, leaving, survivors }: { readonly options: StrategyOptions; readonly leaving: Member; readonly survivors: readonly Member[] },
    context?: CallContext,
  ): Promise<{ readonly runOnNodeId: string; readonly steps: readonly Step[] }> {
    return await this.#call(methods.planLeave, { options: JSON.stringify(options), leaving, survivors: [...survivors] }, context);
  }

  hangs(): void {
    this.#supervisor.hangs();
  }

  async close(): Promise<void> {
    await this.#supervisor.close();
  }

  /** @throws WombatError WO_PLUGIN_UNAVAILABLE when the program does not run, or what the plugin refuses with */
  async #call<Q, S>(method: MethodDefinition<Q, S>, request: Q, { signal }: CallContext = { signal: never }): Promise<S> {
    this.#supervisor.start();
    try {
      return await this.#once(method, request, signal).catch(async (error: unknown) => {
        // Nothing was done by it: the next process may be asked the same.
        if (signal.aborted || !hasEnded(error)) throw error;
        return await this.#once(method, request, signal);
      });
    } catch (error) {
      if (signal.aborted || WombatError.is(error)) throw error;
      throw new WombatError('WO_PLUGIN_UNAVAILABLE', reasonOf(error), { cause: error });
    }
  }

  async #once<Q, S>(method: MethodDefinition<Q, S>, request: Q, signal: AbortSignal): Promise<S> {
    const session = await this.#supervisor.session(signal);
    return await session.call(method, request, longestCallMs, signal, readRefusal).catch((error: unknown) => {
      throw ProviderError.is(error) ? new EndedProgram(error.message) : error;
    });
  }

  async #open(): Promise<ProgramSession> {
    const { program, log, times } = this.#options;
    const session = await ProgramSession.open({ command: program.command, log, times: times?.session ?? {} });
    try {
      await expectSameProgram(session, this.description);
      return session;
    } catch (error) {
      await session.end();
      throw error;
    }
  }
}

const never = new AbortController().signal;

/** Its process ended under a call. */
class EndedProgram extends Error {}

function hasEnded(error: unknown): boolean {
  return error instanceof EndedProgram;
}

/** What is said of the transport, not by the plugin, may be another the next time. */
function readRefusal(error: ServiceError): WombatError {
  const refusal = fromServiceError(error);
  const ofTransport = ['WO_UNAVAILABLE', 'WO_DEADLINE_EXCEEDED', 'WO_CANCELLED'].includes(refusal.code);
  return ofTransport ? new WombatError('WO_PLUGIN_UNAVAILABLE', oneLine(refusal.message, 500), { cause: error }) : refusal;
}
