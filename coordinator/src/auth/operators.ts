import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { WombatError, type Clock, type Ids } from '@wombat/proto';
import type { OperatorToken } from '../domain/model/identity.js';
import type { Commit, Store, Transaction } from '../store/store.js';
import { equalDigests, sha256Hex } from './digest.js';
import { permissions, type Identity, type Permission } from './identity.js';
import { writeFileAtomically } from './private-file.js';

export type OperatorIdentity = Extract<Identity, { kind: 'operator' }>;

const tokenPattern = /^wop1\.[A-Za-z0-9_-]{43}$/;
const firstOperatorName = 'operator';

export interface OperatorsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The coordinator's directory, where the token of the first operator is written. */
  readonly directory: string;
}

/** Operators prove who they are by a bearer token, `wop1.<secret>`; only its hash is stored. */
export class Operators {
  private readonly byHash = new Map<string, OperatorToken>();
  private stopListening: (() => void) | undefined;

  constructor(private readonly options: OperatorsOptions) {}

  /** Where the token of the first operator lies. */
  get firstTokenFile(): string {
    return join(this.options.directory, 'operator.token');
  }

  /** Loads the tokens; at first start makes one with all permissions and writes it to a 0600 file. */
  async load(): Promise<void> {
    const { store } = this.options;
    this.stopListening ??= store.onCommit((commit) => this.apply(commit));
    const tokens = await store.read.operatorTokens.find({});
    for (const token of tokens) if (!this.byHash.has(token.secretHash)) this.byHash.set(token.secretHash, token);
    if (tokens.length === 0) await this.makeFirst();
  }

  close(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }

  /** @throws WombatError WO_UNAUTHENTICATED; the message tells nothing about the token */
  authenticate(bearer: string): OperatorIdentity {
    const hash = sha256Hex(bearer);
    const token = tokenPattern.test(bearer) ? this.byHash.get(hash) : undefined;
    if (!token || !equalDigests(token.secretHash, hash) || token.revokedAt !== undefined) {
      throw new WombatError('WO_UNAUTHENTICATED', 'the token is not one that this coordinator knows');
    }
    return { kind: 'operator', id: token.id, name: token.name, permissions: token.permissions.filter(isPermission) };
  }

  /** Makes a token; its text is answered this once. */
  async issue(name: string, granted: readonly Permission[]): Promise<{ token: OperatorToken; text: string }> {
    const text = newTokenText();
    const token = await this.options.store.transaction((transaction) => this.insert(transaction, name, granted, text));
    return { token, text };
  }

  async revoke(id: string): Promise<void> {
    await this.options.store.transaction(async (transaction) => {
      const token = await transaction.operatorTokens.get(id);
      if (!token) throw new WombatError('WO_NOT_FOUND', `there is no operator token ${id}`);
      if (token.revokedAt === undefined) await transaction.operatorTokens.update({ ...token, revokedAt: this.options.clock.now() });
    });
  }

  /** The file comes first: a row whose token nobody can read would lock everybody out. */
  private async makeFirst(): Promise<void> {
    const text = newTokenText();
    await writeFileAtomically(this.firstTokenFile, `${text}\n`);
    await this.options.store.transaction((transaction) => this.insert(transaction, firstOperatorName, permissions, text));
  }

  private insert(transaction: Transaction, name: string, granted: readonly Permission[], text: string): Promise<OperatorToken> {
    return transaction.operatorTokens.insert({
      id: this.options.ids.next('opr'),
      name,
      generation: 1,
      observedGeneration: 1,
      secretHash: sha256Hex(text),
      permissions: [...granted],
    });
  }

  private apply(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.kind !== 'operatorTokens') continue;
      const token = change.object as OperatorToken | undefined;
      for (const [hash, known] of this.byHash) if (known.id === change.id && hash !== token?.secretHash) this.byHash.delete(hash);
      if (token) this.byHash.set(token.secretHash, token);
    }
  }
}

function newTokenText(): string {
  return `wop1.${randomBytes(32).toString('base64url')}`;
}

function isPermission(text: string): text is Permission {
  return (permissions as readonly string[]).includes(text);
}
