import { backoffMs, catalogue, exitCodes, fromErrorDetail, WombatError } from '@wombat/proto';
import { NodeServiceService, ReadNodeLogsRequest, type LogNode, type LogProblem, type ReadNodeLogsResponse } from '@wombat/proto/control';
import type { Control } from '../../control/control.js';
import type { LogPrinter } from '../../output/log-printer.js';
import { sanitise } from '../../output/sanitise.js';
import { relative } from '../../output/time.js';
import { count } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';

export type LogsAsked = Pick<ReadNodeLogsRequest, 'selection' | 'start' | 'filter' | 'follow'> & { readonly nodes: readonly string[] };

/** Reads to the end, or for ever with --follow: a stream that breaks is opened anew where it broke. */
export async function readLogs(runtime: Runtime, asked: LogsAsked, printer: LogPrinter): Promise<number> {
  const reading = new LogReading(runtime, asked, printer);
  try {
    await reading.run(await runtime.control());
  } finally {
    await printer.end();
  }
  return reading.exitCode();
}

class LogReading {
  readonly #runtime: Runtime;
  readonly #asked: LogsAsked;
  readonly #printer: LogPrinter;
  /** Node id -> log -> offset. */
  readonly #positions = new Map<string, Map<string, bigint>>();
  readonly #nodes = new Set<string>();
  readonly #failed = new Map<string, WombatError>();
  readonly #ended = new Set<string>();

  constructor(runtime: Runtime, asked: LogsAsked, printer: LogPrinter) {
    this.#runtime = runtime;
    this.#asked = asked;
    this.#printer = printer;
  }

  async run(control: Control): Promise<void> {
    const { clock, flags, print, signal } = this.#runtime;
    const endsAt = flags.timeout === undefined ? undefined : clock.monotonic() + flags.timeout;
    let hasBegun = false;
    for (let attempt = 0; ; attempt++) {
      const left = endsAt === undefined ? {} : { timeoutMs: Math.max(1, endsAt - clock.monotonic()) };
      try {
        for await (const answer of control.stream(NodeServiceService.readNodeLogs, this.#request(), left)) {
          [hasBegun, attempt] = [true, 0];
          await this.#take(answer);
        }
        return;
      } catch (error) {
        if (endsAt !== undefined && clock.monotonic() >= endsAt - 1) return;
        const mayPass = WombatError.is(error) && (error.code === 'WO_COORDINATOR_UNREACHABLE' || error.code === 'WO_UNAVAILABLE');
        if (!this.#asked.follow || !hasBegun || !mayPass) throw error;
        if (attempt === 0) print.tell(`${error.message}; trying again`);
      }
      await clock.sleep(backoffMs(attempt, { initialMs: 300, maximumMs: 5_000 }), signal);
    }
  }

  /** 0, 3 when some nodes could not be read. @throws WombatError when none could */
  exitCode(): number {
    if (this.#failed.size === 0) return exitCodes.done;
    const [first] = this.#failed.values();
    if (this.#failed.size < this.#nodes.size) {
      this.#runtime.print.tell(`the logs of ${count(this.#failed.size, 'node')} of ${this.#nodes.size} could not be read`);
      return exitCodes.partial;
    }
    if (this.#failed.size === 1) throw first!;
    return catalogue[first!.code].exit;
  }

  /** Nodes that are over are not asked for again. */
  #request(): ReadNodeLogsRequest {
    const positions = [...this.#positions].flatMap(([nodeId, logs]) => [...logs].map(([log, offset]) => ({ nodeId, position: { log, offset } })));
    return ReadNodeLogsRequest.fromPartial({ ...this.#asked, nodes: [...this.#asked.nodes], positions });
  }

  async #take({ kind }: ReadNodeLogsResponse): Promise<void> {
    switch (kind?.$case) {
      case 'node':
        return this.#node(kind.value);
      case 'piece': {
        const { nodeId, log, nextOffset } = kind.value;
        this.#positions.set(nodeId, (this.#positions.get(nodeId) ?? new Map<string, bigint>()).set(log, nextOffset));
        return this.#printer.piece(kind.value);
      }
      case 'problem':
        return this.#problem(kind.value);
      case 'endedNodeId':
        if (!this.#ended.has(kind.value)) this.#runtime.print.tell(`${this.#printer.nameOf(kind.value)} was removed; this is the end of its logs`);
        return void this.#ended.add(kind.value);
      case 'omitted':
        return this.#runtime.print.warn(`${this.#printer.nameOf(kind.value.nodeId)} has more log files than are read; those written last are`);
      case undefined:
        // Of a newer coordinator.
        return;
    }
  }

  #node({ nodeId, nodeName, removedAt, keptUntil }: LogNode): void {
    if (this.#nodes.has(nodeId)) return;
    this.#nodes.add(nodeId);
    this.#printer.node(nodeId, nodeName);
    if (!removedAt) return;
    this.#runtime.print.tell(`${sanitise(nodeName)} was removed ${relative(removedAt, this.#runtime.clock.now())}; its logs are kept until ${keptUntil?.toISOString() ?? 'a day after'}`);
  }

  #problem({ nodeId, nodeName, error, retrying }: LogProblem): void {
    const found = fromErrorDetail(error ?? { code: 'WO_INTERNAL', message: 'no reason was given', hint: '', details: {} });
    if (!retrying) this.#failed.set(nodeId, found);
    // The only one is told at the end, as an error.
    if (!retrying && this.#nodes.size === 1) return;
    this.#runtime.print.warn(`${sanitise(nodeName)}: ${found.code}: ${sanitise(found.message)}${retrying ? '; waiting for it' : ''}`);
  }
}
