import { limits, WombatError } from '@wombat/proto';
import type { ChannelData, ChannelRequest } from '@wombat/proto/agent';
import type { Channel } from './fleet.js';
import { cleanWombatError } from './sanitize.js';
import type { ChannelCall } from './session-wire.js';

/**
 * asked:    OpenChannel is sent, the agent's stream has not come.
 * attached: data flows, as fast as it is read here.
 * ended:    by the agent, by an error, or by who reads.
 */
export type ChannelState = 'asked' | 'attached' | 'ended';

interface Waiter {
  readonly resolve: (result: IteratorResult<ChannelData, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** The coordinator's end of one channel. One reader, one `next()` at a time. */
export class ChannelReader implements Channel, AsyncIterableIterator<ChannelData, undefined> {
  readonly id: string;
  readonly hostId: string;
  readonly askedAtMs: number;
  readonly #onEnded: (reader: ChannelReader, call: ChannelCall | undefined) => void;
  readonly #queue: ChannelData[] = [];
  #state: ChannelState = 'asked';
  #call: ChannelCall | undefined;
  #error: unknown;
  #waiter: Waiter | undefined;

  constructor(id: string, hostId: string, askedAtMs: number, onEnded: (reader: ChannelReader, call: ChannelCall | undefined) => void) {
    this.id = id;
    this.hostId = hostId;
    this.askedAtMs = askedAtMs;
    this.#onEnded = onEnded;
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** The agent's stream has come; `first` named this channel and may hold data already. */
  attach(call: ChannelCall, first: ChannelRequest): void {
    this.#state = 'attached';
    this.#call = call;
    call.on('data', (request: ChannelRequest) => this.#onRequest(request));
    call.on('end', () => this.end());
    const onLost = (): void => this.fail(new WombatError('WO_HOST_UNREACHABLE', `the channel to ${this.hostId} was lost`));
    call.on('cancelled', onLost);
    call.on('close', onLost);
    this.#onRequest(first);
    if (this.#waiter) call.resume();
  }

  #onRequest({ kind }: ChannelRequest): void {
    if (this.#state !== 'attached' || !kind) return;
    if (kind.$case === 'error') return this.fail(cleanWombatError(kind.value));
    if (kind.value.data.length > limits.channelChunkBytes) {
      return this.fail(new WombatError('WO_RATE_LIMITED', `${this.hostId} sent a chunk of ${kind.value.data.length} bytes; ${limits.channelChunkBytes} is the most`));
    }
    this.#queue.push(kind.value);
    // Nothing more is read from the wire before this chunk has been taken.
    this.#call?.pause();
    this.#serve();
  }

  /** Answers who waits with what is there: data first, then the error or the end. */
  #serve(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    const value = this.#queue.shift();
    if (!value && this.#state !== 'ended') return;
    this.#waiter = undefined;
    if (value) waiter.resolve({ done: false, value });
    else if (this.#error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(this.#takeError());
  }

  /** An error is told once; after it the channel is just at its end. */
  #takeError(): unknown {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  next(): Promise<IteratorResult<ChannelData, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      if (this.#state === 'attached' && this.#queue.length === 0) this.#call?.resume();
      this.#serve();
    });
  }

  async send(data: Buffer): Promise<void> {
    const call = this.#call;
    if (this.#state !== 'attached' || !call) throw new WombatError('WO_HOST_UNREACHABLE', `the channel to ${this.hostId} is not open`);
    if (call.write({ kind: { $case: 'data', value: { offset: 0n, data, lostBytes: 0n, log: undefined } } })) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        call.off('drain', done);
        call.off('close', done);
        resolve();
      };
      call.on('drain', done);
      call.on('close', done);
    });
  }

  /** Who reads has enough. */
  return(): Promise<IteratorResult<ChannelData, undefined>> {
    this.#queue.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#onEnded(this, this.#call);
    this.#serve();
  }

  fail(error: unknown): void {
    if (this.#state === 'ended') return;
    this.#error = error;
    this.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
