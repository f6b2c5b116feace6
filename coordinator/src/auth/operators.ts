import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { WombatError, type Clock, type Ids } from '@wombat/proto';
import type { OperatorToken } from '../domain/model/identity.js';
import type { Commit, Store, Transaction } from '../store/store.js';
import { equalDigests, sha256Hex } from './digest.js';
import { permissions, type Identity, type Permission } from './identity.js';
import { writeFileAtomically } from './private-file.js';
import { grantedTo } from './roles.js';

export type OperatorIdentity = Extract<Identity, { kind: 'operator' }>;

const tokenPattern = /^wop1\.[A-Za-z0-9_-]{43}$/;
const firstOperatorName = 'operator';
/** How soon streams learn that their token has expired. */
const expiryLookMs = 1_000;

export interface OperatorsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The coordinator's directory, where the token of the first operator is written. */
  readonly directory: string;
}

export interface OperatorTokenRequest {
  readonly name: string;
  readonly permissions: readonly Permission[];
  /** Undefined: never. */
  readonly expiresAt?: number;
  readonly createdBy?: string;
}

type Listener = (tokenId: string, reason: WombatError) => void;

/** Operators prove who they are by a bearer token, `wop1.<secret>`; only its hash is stored. */
export class Operators {
  private readonly byHash = new Map<string, OperatorToken>();
  private readonly listeners = new Set<Listener>();
  /** Tokens whose end was told. */
  private readonly ended = new Set<string>();
  private stopListening: (() => void) | undefined;
  private expiryLook: NodeJS.Timeout | undefined;

  constructor(private readonly options: OperatorsOptions) {}

  /** Where the token of the first operator lies. */
  get firstTokenFile(): string {
    return join(this.options.directory, 'operator.token');
  }

  /** Loads the tokens; when none of them may do everything, makes one and writes it to a 0600 file. */
  async load(): Promise<void> {
    const { store } = this.options;
    this.stopListening ??= store.onCommit((commit) => this.apply(commit));
    for (const token of await store.read.operatorTokens.find({})) if (!this.byHash.has(token.secretHash)) this.byHash.set(token.secretHash, token);
    if (![...this.byHash.values()].some((token) => this.isAdmin(token))) await this.makeFirst();
    this.expiryLook ??= setInterval(() => this.tellEnds(), expiryLookMs).unref();
  }

  close(): void {
    clearInterval(this.expiryLook);
    this.stopListening?.();
    this.stopListening = undefined;
  }

  /** @throws WombatError WO_UNAUTHENTICATED; only who holds the genuine text is told more */
  authenticate(bearer: string): OperatorIdentity {
    const hash = sha256Hex(bearer);
    const token = tokenPattern.test(bearer) ? this.byHash.get(hash) : undefined;
    if (!token || !equalDigests(token.secretHash, hash)) throw new WombatError('WO_UNAUTHENTICATED', 'the token is not one that this coordinator knows');
    const refusal = this.refusalOf(token);
    if (refusal) throw refusal;
    return { kind: 'operator', id: token.id, name: token.name, permissions: grantedTo(token.permissions) };
  }

  /** Called once for each token that is revoked or expires while the coordinator runs. */
  onEnded(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Makes a token; its text is answered this once. The name of a token that has ended is free. */
  async issue(transaction: Transaction, request: OperatorTokenRequest, text = newTokenText()): Promise<{ token: OperatorToken; text: string }> {
    const [former] = await transaction.operatorTokens.find({ name: request.name });
    if (former && this.refusalOf(former)) await transaction.operatorTokens.update({ ...former, name: `${former.name.slice(0, 40)} ${former.id}` });
    const token = await transaction.operatorTokens.insert({
      id: this.options.ids.next('opr'), name: request.name, generation: 1, observedGeneration: 1, secretHash: sha256Hex(text), permissions: [...request.permissions],
      ...(request.expiresAt === undefined ? {} : { expiresAt: request.expiresAt }),
      ...(request.createdBy === undefined ? {} : { createdBy: request.createdBy }),
    });
    return { token, text };
  }

  /** @throws WombatError WO_LAST_ADMIN for the last token that may do everything, unless forced */
  async revoke(transaction: Transaction, token: OperatorToken, options: { readonly force: boolean }): Promise<OperatorToken> {
    if (token.revokedAt !== undefined) return token;
    const others = (await transaction.operatorTokens.find({})).filter(({ id }) => id !== token.id);
    if (!options.force && this.isAdmin(token) && !others.some((other) => this.isAdmin(other))) {
      throw new WombatError('WO_LAST_ADMIN', `${token.name} is the last token that may do everything: without it nobody can make another`, {
        hint: 'make another one first: wo operator create NAME --role admin; with --force a new one is made at the next start',
      });
    }
    return transaction.operatorTokens.update({ ...token, revokedAt: this.options.clock.now() });
  }

  /** Whether the token still counts, and may do everything. */
  private isAdmin(token: OperatorToken): boolean {
    return this.refusalOf(token) === undefined && token.permissions.includes('admin');
  }

  private refusalOf(token: OperatorToken): WombatError | undefined {
    if (token.revokedAt !== undefined) return new WombatError('WO_UNAUTHENTICATED', `the token of ${token.name} was revoked`);
    const isOver = token.expiresAt !== undefined && token.expiresAt <= this.options.clock.now();
    return isOver ? new WombatError('WO_UNAUTHENTICATED', `the token of ${token.name} has expired`, { hint: 'ask an administrator for another: wo operator create' }) : undefined;
  }

  /** The file comes first: a row whose token nobody can read would lock everybody out. */
  private async makeFirst(): Promise<void> {
    const text = newTokenText();
    await writeFileAtomically(this.firstTokenFile, `${text}\n`);
    await this.options.store.transaction(async (transaction) => {
      // A token that counts but may not do everything keeps its name.
      const [namesake] = await transaction.operatorTokens.find({ name: firstOperatorName });
      const name = namesake && !this.refusalOf(namesake) ? this.options.ids.next('opr').replace('opr-', `${firstOperatorName} `) : firstOperatorName;
      await this.issue(transaction, { name, permissions }, text);
    });
  }

  private apply(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.kind !== 'operatorTokens') continue;
      const token = change.object as OperatorToken | undefined;
      for (const [hash, known] of this.byHash) if (known.id === change.id && hash !== token?.secretHash) this.byHash.delete(hash);
      if (token) this.byHash.set(token.secretHash, token);
    }
    this.tellEnds();
  }

  private tellEnds(): void {
    for (const token of this.byHash.values()) {
      const reason = this.ended.has(token.id) ? undefined : this.refusalOf(token);
      if (!reason) continue;
      this.ended.add(token.id);
      for (const listener of this.listeners) listener(token.id, reason);
    }
  }
}

function newTokenText(): string {
  return `wop1.${randomBytes(32).toString('base64url')}`;
}
