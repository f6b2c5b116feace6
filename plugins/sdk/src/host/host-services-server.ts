import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HostServicesServiceService, LogLevel, type GetAgentPackageResponse, type HostServicesServiceServer } from '@wombat/proto/plugin';
import type { HostServices } from '../host-services.js';
import { ProviderError } from '../provider-error.js';
import { streaming } from '../program/streaming.js';
import { unary } from '../program/unary.js';
import { failedCall } from '../wire-failure.js';

const longestMessageBytes = 64 * 1024;
/** Beyond these, what a program tells waits for the next second. */
const tellingsPerSecond = 500;
const callsAtOnce = 64;

/** Offers the host services to one program, on a socket that only its directory shows. */
export async function serveHostServices(host: HostServices, socket: string): Promise<Server> {
  const server = new Server({ 'grpc.max_receive_message_length': longestMessageBytes, 'grpc.max_concurrent_streams': callsAtOnce });
  const paced = pace();
  const handlers: HostServicesServiceServer = {
    log: unary(async ({ level, message, fields }) => {
      await paced();
      host.log[levels[level] ?? 'info'](message, fields);
      return {};
    }, failedCall),
    reportMetric: unary(async ({ name, value, labels }) => {
      await paced();
      host.metric(name, value, labels);
      return {};
    }, failedCall),
    getInstallPayload: unary(async ({ hostId }) => ({ payload: Buffer.from(await host.installPayload(hostId)) }), failedCall),
    getAgentCommand: unary(async ({ hostId }) => {
      const { argv, environment, joinToken } = await host.agentCommand(hostId);
      return { argv: [...argv], environment: { ...environment }, joinToken };
    }, failedCall),
    getAgentPackage: streaming(({ arch }) => piecesOf(host, arch), failedCall),
  };
  server.addService(HostServicesServiceService, handlers);
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
  return server;
}

async function* piecesOf(host: HostServices, arch: string): AsyncGenerator<GetAgentPackageResponse> {
  const found = await host.agentPackage(arch);
  if (!found) throw ProviderError.notFound(`there is no package of the agent for linux-${arch}`);
  for await (const content of found.content as AsyncIterable<Buffer>) yield { sha256: found.sha256, content };
}

const levels: Readonly<Partial<Record<LogLevel, keyof HostServices['log']>>> = {
  [LogLevel.DEBUG]: 'debug', [LogLevel.WARN]: 'warn', [LogLevel.ERROR]: 'error',
};

/** Waits for the next second once this one is used up. */
function pace(): () => Promise<void> {
  let second = 0;
  let told = 0;
  return async () => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) [second, told] = [now, 0];
    told += 1;
    if (told > tellingsPerSecond) await new Promise((resolve) => setTimeout(resolve, 1_000).unref());
  };
}
