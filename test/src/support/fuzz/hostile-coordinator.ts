import type { TLSSocket } from 'node:tls';
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import { limits } from '@wombat/proto';
import { ChannelResponse, DesiredState, SessionResponse, type FetchArtifactRequest, type FetchArtifactResponse, type SessionRequest } from '@wombat/proto/agent';
import { nodeSpec } from '../../../../agent/dist/nodes/testing/host.js';
import { welcome, type ChannelServerCall, type SessionServerCall, type StandInCoordinator } from '../../../../agent/dist/testing/stand-in-coordinator.js';
import type { Fuzzer } from './fuzzer.js';

type Frame = NonNullable<SessionResponse['frame']>;

const otherNode = 'node-bbbbbbbbbbbb';
const frames: readonly Frame[] = [
  { $case: 'ping', value: {} },
  { $case: 'assignments', value: { syncId: 7n, assignments: [{ nodeId: otherNode, generation: 1n, desired: DesiredState.RUNNING, restartGeneration: 0n, spec: nodeSpec(), keepData: false }], fullSync: false, first: true, last: true } },
  { $case: 'exec', value: { sequence: 1n, targetIds: [otherNode], job: Buffer.from('job') } },
  ...['welcome', 'cancelExec', 'openChannel', 'acknowledgeOutcomes'].map((name) => SessionResponse.fromPartial({ frame: { $case: name, value: {} } } as never).frame!),
  SessionResponse.fromPartial({ frame: { $case: 'openChannel', value: { channelId: 'channel', purpose: { $case: 'readExecOutput', value: {} } } } }).frame!,
];

export interface HostileOptions {
  readonly standIn: StandInCoordinator;
  readonly fuzzer: Fuzzer;
  /** The node that is not touched by what an agent may obey. */
  readonly spared: string;
  /** Cuts the connections of the agent, on the way. */
  readonly cut: () => void;
}

/** A coordinator with the right authority, and nothing good in mind. */
export class HostileCoordinator {
  /** Of hostile things done so far. */
  cases = 0;
  sessions = 0;
  /** Connections that were spoken over without gRPC. */
  raw = 0;

  constructor(private readonly options: HostileOptions) {}

  private get fuzzer(): Fuzzer {
    return this.options.fuzzer;
  }

  begin(): void {
    Object.assign(this.options.standIn.behaviour, {
      connection: (socket: TLSSocket) => this.fuzzer.below(6) === 0 && this.#rawBytes(socket),
      session: (call: SessionServerCall) => this.#session(call),
      channel: (call: ChannelServerCall) => this.#channel(call),
      fetch: (call: ServerWritableStream<FetchArtifactRequest, FetchArtifactResponse>) => this.#fetch(call),
    });
  }

  #session(call: SessionServerCall): void {
    const { fuzzer } = this;
    this.sessions += 1;
    const session = this.sessions;
    // What has become of the stream may be beyond an end.
    setTimeout(() => session === this.sessions && this.options.cut(), 100);
    // A few are hostile before they say Welcome.
    if (fuzzer.below(5) > 0) welcome(call, { beatSeconds: fuzzer.below(3) * 10_000, sampleSeconds: fuzzer.below(2) });
    call.once('data', ({ frame }: SessionRequest) => {
      if (frame?.$case !== 'hello') return;
      setTimeout(() => call.end(), fuzzer.below(20));
      for (let times = 1 + fuzzer.below(8); times > 0; times -= 1) this.#attack(call);
    });
  }

  #attack(call: SessionServerCall): void {
    const { fuzzer } = this;
    this.cases += 1;
    switch (fuzzer.below(12)) {
      case 0:
      case 1:
        return this.#fail(call);
      case 2:
        return void call.write(Buffer.alloc(limits.sessionFrameBytes + 1 + fuzzer.below(2 ** 20)));
      case 3:
        for (let times = 0; times < 500; times += 1) call.write({ frame: { $case: 'ping', value: {} } });
        return;
      case 4:
      case 5:
        return void call.write(this.#harmless(() => fuzzer.message()));
      case 6:
        return void call.write({ frame: fuzzer.pick(frames) });
      default:
        return void call.write(this.#harmless(() => fuzzer.mutated(Buffer.from(SessionResponse.encode({ frame: fuzzer.pick(frames) }).finish()))));
    }
  }

  /** In place of gRPC. What a server says in HTTP/2 begins where a client's preface ends. */
  #rawBytes(socket: TLSSocket): true {
    this.cases += 1;
    this.raw += 1;
    socket.resume().write(this.fuzzer.below(3) === 0 ? this.fuzzer.bytes(400) : this.fuzzer.http2().subarray(24));
    setTimeout(() => socket.destroy(), this.fuzzer.below(30));
    return true;
  }

  #fail(call: SessionServerCall | ChannelServerCall): void {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', this.fuzzer.bytes(200));
    metadata.set('wombat-error-bin', this.fuzzer.bytes(200));
    call.emit('error', { code: this.fuzzer.below(20), details: this.fuzzer.pick(['', 'x'.repeat(5_000), '\u001b[2J', '{"code":1}']), metadata });
  }

  #channel(call: ChannelServerCall): void {
    this.cases += 1;
    if (this.fuzzer.below(2) === 0) return this.#fail(call);
    call.write(ChannelResponse.fromPartial({}));
    call.end();
  }

  #fetch(call: ServerWritableStream<FetchArtifactRequest, FetchArtifactResponse>): void {
    this.cases += 1;
    call.on('error', () => undefined);
    for (let times = this.fuzzer.below(20); times > 0; times -= 1) call.write({ data: this.fuzzer.below(4) === 0 ? Buffer.alloc(limits.artifactChunkBytes + 1) : this.fuzzer.bytes(2_000) });
    call.end();
  }

  /** A coordinator may stop nodes and have an agent wait for minutes: neither is an attack. */
  #harmless(make: () => Buffer): Buffer {
    for (;;) {
      const bytes = make();
      if (!this.#obeyed(bytes)) return bytes;
    }
  }

  #obeyed(bytes: Buffer): boolean {
    try {
      const { frame } = SessionResponse.decode(bytes);
      if (frame?.$case === 'refusal') return true;
      return frame?.$case === 'assignments' && (frame.value.fullSync || frame.value.assignments.some(({ nodeId }) => nodeId === this.options.spared));
    } catch {
      return false;
    }
  }
}
