import { createHash } from 'node:crypto';
import { orAborted, WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';
import type { Identity } from '../../auth/identity.js';
import type { CallContext, Service, UnaryHandler } from '../service.js';
import { ClaimedMutation, newRecord, sealed, standing, unsealed, type Claim, type ReplayTools } from './claimed-mutation.js';

type Handler = UnaryHandler<unknown, unknown>;
type Method = Service['definition'][string];

const requestIdPattern = /^[\x21-\x7e]{1,128}$/;

/**
 * A mutation with a request id has one effect and one answer, however often and through whatever
 * door it is sent: two at once wait for each other, a later one gets the first answer for 24 h, also
 * after a restart. What failed without changing anything is tried again.
 */
export class RequestReplay {
  /** The requests under way, by key. */
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(private readonly tools: ReplayTools) {}

  /** The same service, its mutations under this rule. */
  protect(service: Service): Service {
    const handlers = Object.entries(service.handlers).map(([name, handler]) => {
      const method = service.definition[name]!;
      if (method.requestStream || method.responseStream) return [name, handler] as const;
      return [name, this.#once(method, handler as Handler)] as const;
    });
    return { definition: service.definition, handlers: Object.fromEntries(handlers) };
  }

  #once(method: Method, handler: Handler): Handler {
    return async (request, context) => {
      const mutation = (request as { mutation?: Mutation }).mutation;
      if (!mutation || mutation.requestId === '' || mutation.dryRun) return handler(request, context);
      checkRequestId(mutation.requestId);
      const claim = claimOf(method, request, mutation.requestId, context.identity);
      return this.#inTurn(claim.key, context.signal, () => this.#answer(method, handler, request as object, mutation, claim, context));
    };
  }

  async #answer(method: Method, handler: Handler, request: object, mutation: Mutation, claim: Claim, context: CallContext): Promise<unknown> {
    const { store, clock } = this.tools;
    const known = standing(await store.read.requests.get(claim.key), claim, clock);
    if (known?.answer !== undefined) return method.responseDeserialize(unsealed(this.tools, claim, known.answer));
    const answer = await handler({ ...request, mutation: new ClaimedMutation(mutation, claim, this.tools) }, context);
    const record = { ...newRecord(claim, clock), answer: sealed(this.tools, claim, method.responseSerialize(answer)) };
    await store.transaction((transaction) => transaction.requests.put(record));
    return answer;
  }

  /** One after the other; whoever comes second finds what the first has left. */
  async #inTurn<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let before = this.#running.get(key); before; before = this.#running.get(key)) {
      await orAborted(before.catch(() => undefined), signal);
    }
    const running = work();
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }
}

function checkRequestId(requestId: string): void {
  if (requestIdPattern.test(requestId)) return;
  throw new WombatError('WO_INVALID_ARGUMENT', 'a request id has 1 to 128 printable characters without spaces', { hint: 'a random UUID serves well' });
}

function claimOf(method: Method, request: unknown, requestId: string, identity: Identity): Claim {
  const principal = identity.kind === 'operator' ? identity.id : identity.kind;
  return {
    key: createHash('sha256').update(JSON.stringify([principal, method.path, requestId])).digest('hex'),
    requestHash: createHash('sha256').update(method.requestSerialize(request)).digest('hex'),
  };
}
