import { credentials, type MethodDefinition } from '@grpc/grpc-js';
import { unaryCall } from '@wombat/proto';
import { HostServicesServiceClient, HostServicesServiceService as methods, LogLevel } from '@wombat/proto/plugin';
import type { HostServices } from '../host-services.js';
import { readFailedCall } from '../wire-failure.js';

const answerWithinMs = 30_000;
/** Lines and metrics on their way; more are dropped, never kept. */
const longestQueue = 1_000;

/** The services of the coordinator, by its socket. */
export function remoteHostServices(socketPath: string): HostServices {
  const client = new HostServicesServiceClient(`unix:${socketPath}`, credentials.createInsecure());
  let underWay = 0;
  const tell = (send: (done: () => void) => void): void => {
    if (underWay >= longestQueue) return;
    underWay += 1;
    send(() => (underWay -= 1));
  };
  const ask = async <Q, S>(method: MethodDefinition<Q, S>, request: Q): Promise<S> =>
    await unaryCall(client, method, request, answerWithinMs, new AbortController().signal, readFailedCall);
  const writer = (level: LogLevel) => (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
    tell((done) => client.log({ level, message, fields: textual(fields) }, done));
  return {
    log: { debug: writer(LogLevel.DEBUG), info: writer(LogLevel.INFO), warn: writer(LogLevel.WARN), error: writer(LogLevel.ERROR) },
    metric: (name, value, labels = {}) => tell((done) => client.reportMetric({ name, value, labels: { ...labels } }, done)),
    installPayload: async (hostId) => (await ask(methods.getInstallPayload, { hostId })).payload,
    agentCommand: async (hostId) => await ask(methods.getAgentCommand, { hostId }),
  };
}

function textual(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))]));
}
