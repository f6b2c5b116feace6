import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { systemClock, type BackoffOptions, type Clock } from '@wombat/proto';
import { Facts, Sample, type SessionRequest } from '@wombat/proto/agent';
import type { Test } from 'tap';
import { makeCertificateRequest } from '../identity/certificate-request.js';
import { Enrolment } from '../identity/enrolment.js';
import { IdentityFiles } from '../identity/identity-files.js';
import { IdentityKeeper } from '../identity/identity-keeper.js';
import { CoordinatorLink } from '../session/coordinator-link.js';
import { Session } from '../session/session.js';
import type { Reporter } from '../session/session-stream.js';
import { FakeHandlers } from './fake-handlers.js';
import { memoryLog } from './log-memory.js';
import { StandInCoordinator, welcome, type SessionServerCall, type WelcomeOptions } from './stand-in-coordinator.js';
import { until } from './until.js';

export type RequestFrame = NonNullable<SessionRequest['frame']>;

/** A session of an enrolled agent with a stand-in coordinator, over real TLS. */
export interface SessionBench {
  readonly standIn: StandInCoordinator;
  readonly handlers: FakeHandlers;
  readonly link: CoordinatorLink;
  readonly keeper: IdentityKeeper;
  readonly session: Session;
  readonly reporter: Reporter;
  readonly lines: string[];
  /** Frames of all sessions, in the order they came. */
  readonly frames: RequestFrame[];
  readonly calls: SessionServerCall[];
  readonly stop: AbortController;
  /** Starts the session; resolves when it is over. */
  start(): Promise<void>;
  seen<Case extends RequestFrame['$case']>(kind: Case): Promise<Extract<RequestFrame, { $case: Case }>>;
}

export interface SessionBenchOptions {
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  readonly welcome?: WelcomeOptions;
}

export async function sessionBench(t: Test, options: SessionBenchOptions = {}): Promise<SessionBench> {
  const { clock = systemClock, backoff = { initialMs: 5, maximumMs: 20 } } = options;
  const standIn = await StandInCoordinator.start();
  const directory = t.testdir({});
  writeFileSync(join(directory, 'token'), standIn.joinToken());
  const { log, lines } = memoryLog();
  const shared = { files: new IdentityFiles(directory), coordinator: standIn.address, makeRequest: makeCertificateRequest, clock, log };
  const keeper = new IdentityKeeper({ ...shared, enrolment: new Enrolment({ ...shared, clock: systemClock, tokenFile: join(directory, 'token') }) });
  const stop = new AbortController();
  await keeper.ensure(stop.signal);
  const handlers = new FakeHandlers();
  const link = new CoordinatorLink(standIn.address, keeper);
  const session = new Session({ link, keeper, handlers, reporter: plainReporter, bootId: 'boot-1', clock, log, backoff });
  const frames: RequestFrame[] = [];
  const calls: SessionServerCall[] = [];
  standIn.behaviour.session = (call) => {
    calls.push(call);
    call.on('data', ({ frame }: SessionRequest) => frame && frames.push(frame));
    welcome(call, options.welcome);
  };
  let running: Promise<void> | undefined;
  t.teardown(async () => {
    stop.abort();
    await running;
    await standIn.stop();
  });
  return {
    standIn, handlers, link, keeper, session, reporter: plainReporter, lines, frames, calls, stop,
    start: () => (running = session.run(stop.signal)),
    seen: (kind) => until(() => frames.find((frame): frame is Extract<RequestFrame, { $case: typeof kind }> => frame.$case === kind), `a frame of kind ${kind}`),
  };
}

const plainReporter: Reporter = {
  facts: () => Facts.fromPartial({ hostname: 'bench' }),
  sample: () => Sample.fromPartial({ load1m: 0.5 }),
  onFactsChanged: () => () => undefined,
};
