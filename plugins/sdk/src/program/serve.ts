import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { orAborted, toServiceError, withDeadline } from '@wombat/proto';
import {
  BootstrapStrategyServiceService, formatHandshake, pluginCookie, pluginHealthService, pluginProtocol, PluginServiceService, pluginVariables, ProviderServiceService,
} from '@wombat/proto/plugin';
import { HealthImplementation } from 'grpc-health-check';
import type { BootstrapStrategyPlugin } from '../bootstrap-strategy.js';
import type { HostServices } from '../host-services.js';
import type { ProviderPlugin } from '../provider.js';
import { serveProvider } from './provider-handlers.js';
import { remoteHostServices } from './remote-host-services.js';
import { serveStrategy } from './strategy-handlers.js';
import { unary } from './unary.js';

const longestMessageBytes = 16 * 1024 * 1024;
const closeWithinMs = 4_000;

/**
 * Makes this process the program of a plugin: the last line of its main file. It serves until its standard
 * input is closed, or SIGTERM comes, and then ends the process. Standard output belongs to the handshake:
 * log with `host.log`, or to standard error.
 */
export async function serve(plugin: ProviderPlugin | BootstrapStrategyPlugin): Promise<void> {
  const { name } = plugin.description;
  const refusal = refuse(name, process.env);
  if (refusal !== undefined) {
    process.stderr.write(`${refusal}\n`);
    process.exitCode = 1;
    return;
  }
  const { server, close } = makeServer(plugin);
  const own = await mkdtemp(join(process.env[pluginVariables.socketDirectory] ?? tmpdir(), 'p-'));
  const socket = join(own, 'plugin.sock');
  await bind(server, socket);
  let isEnding = false;
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    await orAborted(close(), withDeadline(closeWithinMs, 'closing')).catch(() => undefined);
    server.forceShutdown();
    await rm(own, { recursive: true, force: true });
    process.exit(0);
  };
  for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => void end());
  process.once('SIGTERM', () => void end());
  // What is sent there is of no use; it must be read for its end to be seen.
  process.stdin.resume();
  process.stdout.write(`${formatHandshake(socket)}\n`);
}

/** Why this process should not serve. */
function refuse(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (environment[pluginCookie.name] !== pluginCookie.value) {
    return `This is the Wombat plugin ${name}. It is not run by hand: name it in the list \`plugins\` of the coordinator's configuration.`;
  }
  const protocols = (environment[pluginVariables.protocols] ?? '').split(',');
  if (protocols.includes(String(pluginProtocol))) return undefined;
  return `the plugin ${name} speaks version ${pluginProtocol} of the plugin protocol, the host speaks ${protocols.join(', ') || 'none'}`;
}

function makeServer(plugin: ProviderPlugin | BootstrapStrategyPlugin): { readonly server: Server; readonly close: () => Promise<void> } {
  const server = new Server({ 'grpc.max_receive_message_length': longestMessageBytes, 'grpc.max_send_message_length': longestMessageBytes });
  new HealthImplementation({ '': 'SERVING', [pluginHealthService]: 'SERVING' }).addToServer(server as never);
  server.addService(PluginServiceService, { describe: unary(() => ({ description: plugin.description }), toServiceError) });
  if (plugin.kind === 'bootstrap-strategy') {
    server.addService(BootstrapStrategyServiceService, serveStrategy(plugin));
    return { server, close: async () => undefined };
  }
  const { handlers, close } = serveProvider(plugin, lazily(hostServices));
  server.addService(ProviderServiceService, handlers);
  return { server, close };
}

function hostServices(): HostServices {
  const path = process.env[pluginVariables.hostServices];
  if (path === undefined) throw new Error(`the host offers no services: ${pluginVariables.hostServices} is not set`);
  return remoteHostServices(path);
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

async function bind(server: Server, socket: string): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
}
