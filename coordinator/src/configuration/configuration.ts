import type { Address } from '../api/doors/address.js';

/** The coordinator's settings as compose.ts, grounds.ts and coordinator.ts use them. */
export interface Configuration {
  readonly directory: string;
  readonly control: { readonly address: Address };
  readonly agents: { readonly address: Address };
  readonly http: { readonly address: Address; readonly tls: boolean };
  /** How others reach the coordinator, where that differs from what it listens on. */
  readonly advertise: { readonly control?: Address; readonly agents?: Address; readonly http?: Address };
  readonly log: { readonly level: string };
  /** Folders or package names, beside those that come with Wombat. */
  readonly plugins: readonly string[];
  /** argv of the agent's program. */
  readonly agent: { readonly command: readonly string[] };
  readonly hosts: { readonly enrolTimeoutMs: number };
  readonly certificates: { readonly lifetimeMs: number };
}
