import type { Clock } from '@wombat/proto';
import type { StatusReport } from '@wombat/proto/agent';
import type { Admission } from './admission.js';
import type { Deliveries } from './deliveries.js';
import type { FleetLog } from './fleet-log.js';
import { cleanFacts, cleanOutcome, cleanProgress, cleanSample, cleanStatus, cleanUpdateFailed } from './sanitize.js';
import type { Frame, Session } from './session.js';

/** What is left out of one session's reports is logged this often: no agent shall fill the log. */
const complaintsPerSession = 5;

/** Takes the frames of live sessions to where they belong, cleaned. */
export class FrameRouter {
  readonly #admission: Admission;
  readonly #deliveries: Deliveries;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: FleetLog;

  constructor(admission: Admission, deliveries: Deliveries, clock: Pick<Clock, 'now'>, log: FleetLog) {
    this.#admission = admission;
    this.#deliveries = deliveries;
    this.#clock = clock;
    this.#log = log;
  }

  route(session: Session, frame: Frame): void {
    switch (frame.$case) {
      case 'beat':
        return this.#admission.answered(session);
      case 'sample':
        session.sample = cleanSample(frame.value);
        session.clockSkewMs = frame.value.time && frame.value.time.getTime() - this.#clock.now();
        return;
      case 'facts':
        return this.#deliveries.facts(session, cleanFacts(frame.value));
      case 'status':
        return this.#status(session, frame.value);
      case 'execOutcome': {
        const outcome = cleanOutcome(session.hostId, frame.value);
        if (outcome) this.#deliveries.outcome(session, outcome);
        else this.#complain(session, 1, 'outcomes that name no job or no target of this host were left out');
        return;
      }
      case 'execProgress': {
        const progress = cleanProgress(session.hostId, frame.value);
        if (progress) this.#deliveries.progress(session, progress);
        else this.#complain(session, 1, 'output that belongs to no job or no target of this host was left out');
        return;
      }
      case 'assignmentsJournaled':
        this.#log.debug({ hostId: session.hostId, syncId: String(frame.value.syncId) }, 'assignments journaled');
        return;
      case 'agentUpdateFailed':
        return this.#deliveries.updateFailed(session, cleanUpdateFailed(frame.value));
      case 'hello':
        return;
    }
  }

  #status(session: Session, { statuses, complete }: StatusReport): void {
    const cleaned = statuses.flatMap((status) => cleanStatus(status) ?? []);
    if (cleaned.length < statuses.length) {
      this.#complain(session, statuses.length - cleaned.length, 'statuses that name no node were left out');
    }
    this.#deliveries.statuses(session, cleaned, complete);
  }

  #complain(session: Session, count: number, message: string): void {
    session.complaints += 1;
    if (session.complaints <= complaintsPerSession) this.#log.warn({ hostId: session.hostId, count }, message);
  }
}
