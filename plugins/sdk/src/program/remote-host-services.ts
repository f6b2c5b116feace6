import { Readable } from 'node:stream';
import { credentials, status, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { unaryCall } from '@wombat/proto';
import { FailureKind, HostServicesServiceClient, HostServicesServiceService as methods, LogLevel, type GetAgentPackageResponse } from '@wombat/proto/plugin';
import type { AgentPackage, HostServices } from '../host-services.js';
import { readFailedCall } from '../wire-failure.js';

const answerWithinMs = 30_000;
/** However slowly whoever it is put onto takes it. */
const packageWithinMs = 600_000;
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
    agentPackage: async (arch) => await fetchPackage(client, arch),
  };
}

/** The first piece says whether there is one. A coordinator of an earlier version has none to give. */
async function fetchPackage(client: HostServicesServiceClient, arch: string): Promise<AgentPackage | undefined> {
  const call = client.getAgentPackage({ arch }, { deadline: Date.now() + packageWithinMs });
  const pieces = (call as AsyncIterable<GetAgentPackageResponse>)[Symbol.asyncIterator]();
  try {
    const { value, done } = await pieces.next();
    if (done) return undefined;
    const content = Readable.from(contentOf(value, pieces)).once('close', () => call.cancel());
    return { sha256: value.sha256, content };
  } catch (error) {
    const failure = readFailedCall(error as ServiceError);
    if (failure.kind === FailureKind.NOT_FOUND || (error as ServiceError).code === status.UNIMPLEMENTED) return undefined;
    throw failure;
  }
}

async function* contentOf(first: GetAgentPackageResponse, others: AsyncIterator<GetAgentPackageResponse>): AsyncGenerator<Buffer> {
  try {
    for (let next: IteratorResult<GetAgentPackageResponse> = { value: first }; !next.done; next = await others.next()) yield next.value.content;
  } catch (error) {
    throw readFailedCall(error as ServiceError);
  }
}

function textual(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))]));
}
