import type { JsonObject, ProviderInstance } from '@wombat/plugin-sdk';
import type { Answer, CloudFacts } from './exchange.js';

/** Who may do what in the cloud: the driver's own user, or the one who may all. */
export type Role = 'admin' | 'member';

/** A cloud that the suite plays on: a real one, or what was recorded of one. */
export interface Stage {
  readonly facts: CloudFacts;
  /** Of a driver that logs in with a password. */
  readonly settings: JsonObject;
  connect(settings?: JsonObject): ProviderInstance;
  /** A request of the test's own, past the driver. */
  ask(role: Role, method: string, path: string, body?: unknown): Promise<Answer>;
  /** The next such request of the driver is done by the cloud, and its answer lost. */
  loseAnswer(method: string, path: string): void;
  /** The cloud forgets the token that the driver used last. */
  revokeToken(): Promise<void>;
  sleep(ms: number): Promise<void>;
  /** What was asked for against the record, or was not asked for in spite of it. */
  close(): Promise<readonly string[]>;
}

export const memberSettings = {
  userName: 'demo', projectName: 'demo', region: 'RegionOne', networks: ['demo-net'],
} as const;
