import { WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';
import type { Clock } from '@wombat/proto';
import type { Secrets } from '../../engine/ports.js';
import type { RequestRecord, Store, Transaction } from '../../store/store.js';

/** An answer is replayed for this long. */
const keptMs = 24 * 60 * 60 * 1000;

/** Which request it is, whatever its door. */
export interface Claim {
  /** sha256 over who asks, the method and the request id. */
  readonly key: string;
  /** sha256 of the whole request. */
  readonly requestHash: string;
}

export interface ReplayTools {
  readonly store: Store;
  readonly clock: Clock;
  /** Answers may hold tokens: they are sealed where they are kept. */
  readonly secrets: Secrets;
}

/**
 * The mutation of a request whose id is minded. What a change answers is written in the transaction
 * of the change: when the coordinator dies before the caller is answered, a retry finds the change
 * made and goes on behind it.
 */
export class ClaimedMutation implements Mutation {
  readonly requestId: string;
  readonly expectedRevision: bigint;
  readonly dryRun = false;
  /** Changes of this request so far; nearly always there is one. */
  #changes = 0;

  constructor(
    mutation: Mutation,
    private readonly claim: Claim,
    private readonly tools: ReplayTools,
  ) {
    this.requestId = mutation.requestId;
    this.expectedRevision = mutation.expectedRevision;
  }

  /** Makes the change, or answers what it answered when it was made. */
  async carryOut<T>(store: Store, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const number = this.#changes++;
    return store.transaction(async (transaction) => {
      const known = standing(await transaction.requests.get(this.claim.key), this.claim, this.tools.clock);
      const results = known?.results === undefined ? [] : (JSON.parse(unsealed(this.tools, this.claim, known.results).toString()) as unknown[]);
      if (number < results.length) return results[number] as T;
      const result = await work(transaction);
      const text = JSON.stringify([...results, result]);
      await transaction.requests.put({ ...newRecord(this.claim, this.tools.clock), results: sealed(this.tools, this.claim, Buffer.from(text)) });
      return result;
    });
  }
}

/**
 * The record of the same request, as long as it counts.
 * @throws WombatError WO_REQUEST_ID_REUSED when it is of another request
 */
export function standing(record: RequestRecord | undefined, claim: Claim, clock: Clock): RequestRecord | undefined {
  if (!record || record.expiresAt <= clock.now()) return undefined;
  if (record.requestHash !== claim.requestHash) throw new WombatError('WO_REQUEST_ID_REUSED', 'another request of this method was carried out under the same request id');
  return record;
}

export function newRecord(claim: Claim, clock: Clock): RequestRecord {
  return { key: claim.key, requestHash: claim.requestHash, expiresAt: clock.now() + keptMs };
}

export function sealed({ secrets }: ReplayTools, claim: Claim, bytes: Uint8Array): string {
  return secrets.seal(ownerOf(claim), bytes);
}

export function unsealed({ secrets }: ReplayTools, claim: Claim, text: string): Buffer {
  return Buffer.from(secrets.open(ownerOf(claim), text));
}

function ownerOf({ key }: Claim): string {
  return `request-${key}`;
}
