/*
 * How a plugin's program and its host find each other, as HashiCorp's go-plugin does it: the host gives a cookie and
 * a directory in the environment, the program listens on a unix socket and prints one line that says where.
 */

/** Tells a program that it was started as a plugin, not by hand. No secret. */
export const pluginCookie = { name: 'WOMBAT_PLUGIN', value: '6a2b1c0e8f5d4b7f9e3a7c5d1f0b8e64' } as const;

/** Variables that the host sets beside the cookie. */
export const pluginVariables = {
  /** Versions of the application protocol that the host speaks, with commas between. */
  protocols: 'PLUGIN_PROTOCOL_VERSIONS',
  /** Directory for the program's socket; nobody else may read it. */
  socketDirectory: 'PLUGIN_UNIX_SOCKET_DIR',
  /** Path of the unix socket that serves HostServicesService. */
  hostServices: 'WOMBAT_HOST_SERVICES',
} as const;

/** What gRPC health is asked for. */
export const pluginHealthService = 'plugin';

/** Version of go-plugin's own protocol, and of ours above it: wombat.plugin.v1. */
const coreProtocol = 1;
export const pluginProtocol = 1;

/** No path of a unix socket is longer. */
const longestSocketPath = 107;

export function formatHandshake(socketPath: string): string {
  return `${coreProtocol}|${pluginProtocol}|unix|${socketPath}|grpc|`;
}

/**
 * Path of the program's socket.
 *
 * @throws Error that says which part is wrong; the line itself is not quoted
 */
export function parseHandshake(line: string): string {
  const [core, protocol, network, address, transport] = line.trim().split('|');
  if (transport === undefined || !/^\d{1,6}$/.test(core!) || !/^\d{1,6}$/.test(protocol!)) throw new Error('its first line is no handshake of a plugin');
  if (Number(core) !== coreProtocol) throw new Error(`speaks version ${core} of the handshake, not ${coreProtocol}`);
  if (Number(protocol) !== pluginProtocol) throw new Error(`speaks version ${protocol} of the plugin protocol; this coordinator speaks ${pluginProtocol}`);
  if (transport !== 'grpc') throw new Error('does not speak gRPC');
  if (network !== 'unix') throw new Error('does not listen on a unix socket');
  if (!address!.startsWith('/') || Buffer.byteLength(address!) > longestSocketPath || address!.includes('\0')) throw new Error('names no path of a socket');
  return address!;
}
