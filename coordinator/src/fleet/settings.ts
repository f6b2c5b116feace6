import { liveness } from '@wombat/proto';

/** Intervals and bounds of the agents' sessions. */
export interface FleetSettings {
  /** How often an agent is asked to beat. @default 4000 */
  readonly beatIntervalMs: number;
  /** How often an agent is asked for a sample. @default 10000 */
  readonly sampleIntervalMs: number;
  /** Without any frame for this long a host is silent. @default 12000 */
  readonly silentAfterMs: number;
  /** Period of the one scan over all sessions. @default 500 */
  readonly tickMs: number;
  /** From the opening of a stream to its first message. @default 10000 */
  readonly helloWithinMs: number;
  /** How long the holder of an identity has to answer when a second agent claims it. @default 2000 */
  readonly probeMs: number;
  /** A stream that takes nothing for this long is cut. @default 20000 */
  readonly writeStallMs: number;
  /** From ending a stream in good order to resetting it. @default 1000 */
  readonly closeGraceMs: number;
  /** Statuses of a host are gathered for this long before they are handed over. @default 20 */
  readonly statusGatherMs: number;
  /** Statuses or outcomes handed over at once. @default 200 */
  readonly batchSize: number;
  /** Bytes of one host that may wait for the listener before its stream is paused. @default 1 MiB */
  readonly inboundBacklogBytes: number;
  /** Bytes that may wait for one agent to read before it is cut. @default 8 MiB */
  readonly outboundBacklogBytes: number;
  /** Frames a second that an agent may send for long. @default 500 */
  readonly framesPerSecond: number;
  /** Frames that an agent may send at once. @default 2000 */
  readonly frameBurst: number;
  /** Sessions that are written to before the loop gets its turn. @default 50 */
  readonly writesPerTurn: number;
  /** From OpenChannel to the agent's stream. @default 10000 */
  readonly channelAttachMs: number;
  /** Channels open at once on one host. @default 64 */
  readonly channelsPerHost: number;
}

export const defaultFleetSettings: FleetSettings = {
  beatIntervalMs: liveness.beatMs,
  sampleIntervalMs: 10_000,
  silentAfterMs: liveness.silentAfterMs,
  tickMs: liveness.lookMs,
  helloWithinMs: 10_000,
  probeMs: 2_000,
  writeStallMs: 20_000,
  closeGraceMs: 1_000,
  statusGatherMs: 20,
  batchSize: 200,
  inboundBacklogBytes: 1024 * 1024,
  outboundBacklogBytes: 8 * 1024 * 1024,
  framesPerSecond: 500,
  frameBurst: 2_000,
  writesPerTurn: 50,
  channelAttachMs: 10_000,
  channelsPerHost: 64,
};

/** Agents speak three times before they would be called silent; one beat in between may be lost. */
export function settingsFor(silentAfterMs: number): Pick<FleetSettings, 'silentAfterMs' | 'beatIntervalMs'> {
  return { silentAfterMs, beatIntervalMs: Math.round(silentAfterMs / 3) };
}
