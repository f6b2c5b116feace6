import { systemClock } from '@wombat/proto';
import { ExecJob, Facts, Outcome, Sample, type Exec, type ExecOutcome } from '@wombat/proto/agent';
import { pino, type Logger } from 'pino';
import { CoordinatorLink } from '../../../agent/dist/session/coordinator-link.js';
import type { SessionHandlers } from '../../../agent/dist/session/handlers.js';
import { Session } from '../../../agent/dist/session/session.js';
import { FakeHandlers } from '../../../agent/dist/testing/fake-handlers.js';
import { coordinatorName } from './control-client.js';
import type { Certified } from './host-identity.js';

export interface AgentSessionOptions {
  /** @default silent */
  readonly log?: Logger;
  /** Who does what it is told. @default commands are answered without being run */
  readonly handlers?: SessionHandlers;
}

/** The agent's own session, with a certificate of its own. Many fit into one process. */
export class AgentSession {
  readonly #session: Session;
  readonly #retries = new Set<() => void>();

  constructor(host: Certified & { readonly hostId: string }, authority: Buffer, port: number, { log = pino({ level: 'silent' }), handlers = new NoOpHandlers() }: AgentSessionOptions = {}) {
    const clusterId = coordinatorName(authority).split('.')[1]!;
    const identity = { clusterId, hostId: host.hostId, certificateChain: host.chainPem, trustedCa: String(authority), privateKey: host.keyPem, obtainedAtMs: Date.now() };
    const onRenewed = (retry: () => void): (() => void) => {
      this.#retries.add(retry);
      return () => this.#retries.delete(retry);
    };
    const keeper = { current: () => identity, onRenewed, renewSoon: () => undefined };
    this.#session = new Session({
      link: new CoordinatorLink({ host: '127.0.0.1', port }, keeper),
      keeper,
      handlers,
      reporter: { facts: () => facts, sample: () => Sample.fromPartial({ time: new Date() }), onFactsChanged: () => () => undefined },
      bootId: 'boot', clock: systemClock, log,
    });
  }

  get isOpen(): boolean {
    return this.#session.state() === 'open';
  }

  run(stop: AbortSignal): Promise<void> {
    return this.#session.run(stop);
  }

  /** Ends the wait for the next try, as a new certificate would. */
  retryNow(): void {
    for (const retry of this.#retries) retry();
  }
}

const facts = Facts.fromPartial({ hostname: 'many' });

/** Every command has succeeded at once, and nothing is remembered. */
class NoOpHandlers extends FakeHandlers {
  override async assignments(): Promise<void> {}

  override async exec({ job, targetIds }: Exec): Promise<void> {
    const { jobId } = ExecJob.decode(job);
    for (const targetId of targetIds) this.finish(succeeded(jobId, targetId));
  }

  override cancelExec(): void {}

  override async acknowledgeOutcomes(): Promise<void> {}
}

function succeeded(jobId: string, targetId: string): ExecOutcome {
  const now = new Date();
  const nothing = { head: Buffer.alloc(0), sizeBytes: 0n, lostBytes: 0n };
  return { jobId, targetId, outcome: Outcome.OK, exit: { kind: { $case: 'code', value: 0 } }, startedAt: now, finishedAt: now, stdout: nothing, stderr: nothing, error: undefined };
}
