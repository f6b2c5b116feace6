import type { Clock } from '@wombat/proto';
import type { Store } from '../store/store.js';

/** When and from where a token was used last. */
export interface TokenUse {
  readonly at: number;
  readonly from: string;
}

const metaKey = 'operators.uses';
const writtenEveryMs = 60_000;

/** The last use of each token. Kept in memory and written once a minute: no call waits for a row. */
export class TokenUses {
  private readonly uses = new Map<string, TokenUse>();
  private isDirty = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  async load(): Promise<void> {
    const text = await this.store.read.meta.get(metaKey);
    for (const [id, use] of Object.entries(JSON.parse(text ?? '{}') as Record<string, TokenUse>)) this.uses.set(id, use);
    this.timer ??= setInterval(() => void this.write().catch(this.onError), writtenEveryMs).unref();
  }

  note(tokenId: string, from: string): void {
    this.uses.set(tokenId, { at: this.clock.now(), from });
    this.isDirty = true;
  }

  of(tokenId: string): TokenUse | undefined {
    return this.uses.get(tokenId);
  }

  forget(tokenId: string): void {
    this.isDirty = this.uses.delete(tokenId) || this.isDirty;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.write().catch(this.onError);
  }

  private async write(): Promise<void> {
    if (!this.isDirty) return;
    await this.store.transaction((transaction) => {
      this.isDirty = false;
      return transaction.meta.set(metaKey, JSON.stringify(Object.fromEntries(this.uses)));
    }).catch((error: unknown) => {
      this.isDirty = true;
      throw error;
    });
  }
}
