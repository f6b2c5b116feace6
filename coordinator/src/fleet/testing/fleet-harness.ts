import { Server, ServerCredentials, ServerInterceptingCall, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallContext, DuplexHandler } from '../../api/service.js';
import { AgentFleet } from '../agent-fleet.js';
import { silentFleetLog } from '../fleet-log.js';
import { sessionService } from '../services/session-service.js';
import type { FleetSettings } from '../settings.js';
import { ManualClock } from './manual-clock.js';
import { RecordingListener } from './recording-listener.js';
import { SimulatedAgent } from './simulated-agent.js';

/** A fleet behind a real gRPC server on loopback; a header stands for the certificate. */
export class FleetHarness {
  readonly clock = new ManualClock();
  readonly listener = new RecordingListener();
  readonly fleet: AgentFleet;
  // As behind the real door, there is an interceptor between grpc-js and the handlers.
  readonly #server = new Server({ interceptors: [(_, call) => new ServerInterceptingCall(call)] });
  readonly #agents: SimulatedAgent[] = [];
  #address = '';

  constructor(settings: Partial<FleetSettings> = {}) {
    this.fleet = new AgentFleet({ listener: this.listener, clock: this.clock, log: silentFleetLog, settings });
  }

  static async start(t: { teardown(stop: () => Promise<void>): void }, settings: Partial<FleetSettings> = {}): Promise<FleetHarness> {
    const harness = new FleetHarness(settings);
    const { definition, handlers } = sessionService(harness.fleet);
    const implementation: Record<string, DuplexHandler<unknown, unknown>> = {};
    for (const [name, handler] of Object.entries(handlers)) {
      const handle = handler as DuplexHandler<unknown, unknown>;
      implementation[name] = (call) => handle(call, contextOf(call.metadata.get('host-id')[0], call.getPeer()));
    }
    harness.#server.addService(definition as unknown as ServiceDefinition, implementation as unknown as UntypedServiceImplementation);
    const port = await new Promise<number>((resolve, reject) => {
      harness.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    harness.#address = `127.0.0.1:${port}`;
    harness.fleet.start();
    t.teardown(() => harness.stop());
    return harness;
  }

  get address(): string {
    return this.#address;
  }

  agent(hostId: string): SimulatedAgent {
    const agent = new SimulatedAgent(this.#address, hostId);
    this.#agents.push(agent);
    return agent;
  }

  /** The newest simulated agent of this host. */
  agentOf(hostId: string): SimulatedAgent {
    const agent = this.#agents.findLast((one) => one.hostId === hostId);
    if (!agent) throw new Error(`no simulated agent is ${hostId}`);
    return agent;
  }

  async stop(): Promise<void> {
    let hasStopped = false;
    const stopped = this.fleet.stop().then(() => (hasStopped = true));
    while (!hasStopped) await this.clock.advance(500);
    await stopped;
    for (const agent of this.#agents) agent.kill();
    this.#server.forceShutdown();
  }
}

function contextOf(hostId: unknown, peer: string): CallContext {
  const identity = typeof hostId === 'string' ? ({ kind: 'host', hostId, fingerprint: '' } as const) : ({ kind: 'none' } as const);
  return { identity, peer, signal: new AbortController().signal };
}
