import { WombatError, type Ids } from '@wombat/proto';
import type { ChannelRequest, OpenChannel } from '@wombat/proto/agent';
import { ChannelReader } from './channel-reader.js';
import type { Channel, ChannelPurpose } from './fleet.js';
import type { FleetLog } from './fleet-log.js';
import type { LiveClock } from './live-clock.js';
import type { ChannelCall } from './session-wire.js';
import type { FleetSettings } from './settings.js';
import type { StreamCloser } from './stream-closer.js';

export interface ChannelsOptions {
  readonly live: LiveClock;
  readonly closer: StreamCloser;
  readonly ids: Ids;
  readonly log: FleetLog;
  readonly settings: FleetSettings;
}

interface Unnamed {
  readonly hostId: string;
  readonly sinceMs: number;
}

/** Streams that a host may have open before they have named their channel. */
const unnamedPerHost = 8;

/**
 * Bulk from agents: each read is a stream of its own, opened by the agent that was asked and by
 * no other. Flow control is the stream's: who reads slowly slows the agent down.
 */
export class Channels {
  readonly #options: ChannelsOptions;
  readonly #readers = new Map<string, ChannelReader>();
  readonly #unnamed = new Map<ChannelCall, Unnamed>();

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** `ask` sends OpenChannel on the host's session; false: there is none. */
  open(hostId: string, purpose: ChannelPurpose, signal: AbortSignal, ask: (frame: OpenChannel) => boolean): Channel {
    const { ids, live } = this.#options;
    const onAbort = (): void => reader.fail(signal.reason);
    const reader = new ChannelReader(ids.next('chn'), hostId, live.nowMs, (ended, call) => {
      signal.removeEventListener('abort', onAbort);
      this.#readers.delete(ended.id);
      if (call) this.#options.closer.end(call);
    });
    const refusal = this.#refusal(hostId, signal);
    this.#readers.set(reader.id, reader);
    signal.addEventListener('abort', onAbort, { once: true });
    if (refusal) reader.fail(refusal);
    else if (!ask({ channelId: reader.id, purpose })) reader.fail(new WombatError('WO_HOST_UNREACHABLE', `${hostId} has no session`));
    return reader;
  }

  #refusal(hostId: string, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    let open = 0;
    for (const reader of this.#readers.values()) if (reader.hostId === hostId) open += 1;
    if (open < this.#options.settings.channelsPerHost) return undefined;
    return new WombatError('WO_RATE_LIMITED', `${open} channels to ${hostId} are open already`, { hint: 'close some readers of its logs' });
  }

  /** A stream of an agent; its first message names the channel. */
  accept(call: ChannelCall, hostId: string): void {
    let unnamed = 0;
    for (const other of this.#unnamed.values()) if (other.hostId === hostId) unnamed += 1;
    if (unnamed >= unnamedPerHost) {
      this.#options.closer.end(call, new WombatError('WO_RATE_LIMITED', 'too many streams that name no channel'));
      return;
    }
    this.#unnamed.set(call, { hostId, sinceMs: this.#options.live.nowMs });
    const forget = (): boolean => this.#unnamed.delete(call);
    call.once('close', forget);
    call.once('end', () => {
      if (forget()) this.#options.closer.end(call);
    });
    call.once('data', (first: ChannelRequest) => {
      call.pause();
      if (forget()) this.#attach(call, hostId, first);
    });
  }

  #attach(call: ChannelCall, hostId: string, first: ChannelRequest): void {
    const reader = this.#readers.get(first.channelId);
    if (reader?.hostId === hostId && reader.state === 'asked') return reader.attach(call, first);
    if (reader) this.#options.log.warn({ hostId, asked: reader.hostId, channelId: reader.id }, 'a stream names a channel that is not its own');
    // The same answer for what does not exist and for what belongs to another host.
    this.#options.closer.end(call, new WombatError('WO_CHANNEL_GONE', 'nobody waits for this channel'));
  }

  /** The host's session is gone, and its channels with it. */
  failHost(hostId: string, reason: string): void {
    for (const reader of this.#readers.values()) {
      if (reader.hostId === hostId) reader.fail(new WombatError('WO_HOST_UNREACHABLE', `${hostId} has no session any more: ${reason}`));
    }
  }

  tick(): void {
    const { live, settings, closer } = this.#options;
    if (live.hasStalled) return;
    const isLate = (sinceMs: number): boolean => live.nowMs - sinceMs >= settings.channelAttachMs;
    for (const reader of this.#readers.values()) {
      if (reader.state !== 'asked' || !isLate(reader.askedAtMs)) continue;
      reader.fail(new WombatError('WO_HOST_UNREACHABLE', `${reader.hostId} did not open the channel in ${settings.channelAttachMs / 1000} s`));
    }
    for (const [call, { sinceMs }] of this.#unnamed) {
      if (!isLate(sinceMs)) continue;
      this.#unnamed.delete(call);
      closer.end(call, new WombatError('WO_DEADLINE_EXCEEDED', 'the first message names the channel'));
    }
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.fail(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    for (const call of this.#unnamed.keys()) this.#options.closer.end(call, new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    this.#unnamed.clear();
  }
}
