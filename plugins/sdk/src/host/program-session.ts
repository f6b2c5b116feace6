import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, connectivityState, credentials, type MethodDefinition, type Server, type ServiceError } from '@grpc/grpc-js';
import { orAborted, unaryCall, withDeadline } from '@wombat/proto';
import { pluginCookie, pluginHealthService, pluginProtocol, pluginVariables } from '@wombat/proto/plugin';
import { service as healthService } from 'grpc-health-check';
import type { HostServices, PluginLog } from '../host-services.js';
import { ProviderError } from '../provider-error.js';
import { readFailedCall } from '../wire-failure.js';
import { readHandshake } from './handshake-reader.js';
import { serveHostServices } from './host-services-server.js';
import { mirrorLines } from './output-mirror.js';
import { PluginChild, type EndTimes } from './plugin-child.js';

export interface SessionTimes extends EndTimes {
  /** From the start of the program to its handshake. @default 10 s */
  readonly handshakeMs: number;
  /** For one question of its health. @default 5 s */
  readonly healthMs: number;
}

const sessionTimes: SessionTimes = { closeMs: 5_000, termMs: 5_000, handshakeMs: 10_000, healthMs: 5_000 };

export interface SessionOptions {
  /** argv; never through a shell. */
  readonly command: readonly string[];
  /** Where its words go: what it prints, line by line. */
  readonly log: PluginLog;
  /** Absent for a program that is only asked what it is. */
  readonly host?: HostServices;
  readonly times?: Partial<SessionTimes>;
  /** Variables above those that every program is given. */
  readonly environment?: Readonly<Record<string, string>>;
  /** @default that of this process */
  readonly workingDirectory?: string;
}

/** Answers larger than this are refused. */
const longestAnswerBytes = 16 * 1024 * 1024;
/** What a program inherits of the coordinator's environment: nothing that could be a secret. */
const inherited = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'];
const healthCheck = (healthService as unknown as Readonly<Record<string, MethodDefinition<{ service: string }, { status: string }>>>)['Check']!;
/** A call that fails with its program is told why, if that comes this soon. */
const exitFollowsMs = 500;

/** A program of a plugin that has shaken hands: from its start to its end. */
export class ProgramSession {
  /** Says how the program ended. */
  readonly exited: Promise<string>;
  readonly #child: PluginChild;
  readonly #client: Client;
  readonly #times: SessionTimes;
  /** How the program ended. */
  #ending: string | undefined;

  /** @throws Error that says what the program did instead of shaking hands; it is ended then */
  static async open({ command, log, host, times: given, environment, workingDirectory }: SessionOptions): Promise<ProgramSession> {
    const times = { ...sessionTimes, ...given };
    // Made with a mode of 0700; short, as paths of sockets must be.
    const directory = await mkdtemp(join(tmpdir(), 'wombat-plugin-'));
    const hostSocket = join(directory, 'host.sock');
    const server = host && (await serveHostServices(host, hostSocket).catch(async (error: unknown) => {
      await cleanUp(directory);
      throw error;
    }));
    const child = new PluginChild(command, {
      environment: { ...environmentOf(directory, host && hostSocket), ...environment }, ...(workingDirectory === undefined ? {} : { workingDirectory }),
    });
    const exited = child.exited.then(async (how) => {
      await cleanUp(directory, server).catch(() => undefined);
      return how;
    });
    mirrorLines(child.stderr, (line) => log.info(line));
    try {
      const ended = child.exited.then((how) => {
        throw new Error(`its program ${how} before it had shaken hands`);
      });
      const socket = await orAborted(Promise.race([readHandshake(child.stdout), ended]), withDeadline(times.handshakeMs, 'its handshake'));
      mirrorLines(child.stdout, (line) => log.info(line));
      const session = new ProgramSession(child, exited, socket, times);
      await session.checkHealth();
      return session;
    } catch (error) {
      await child.kill(times);
      await exited;
      throw error;
    }
  }

  private constructor(child: PluginChild, exited: Promise<string>, socket: string, times: SessionTimes) {
    this.#child = child;
    this.#times = times;
    this.exited = exited;
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': longestAnswerBytes, 'grpc.enable_retries': 0, 'grpc.initial_reconnect_backoff_ms': 100,
    });
    void this.exited.then((how) => {
      this.#ending = how;
      this.#client.close();
    });
  }

  /** Of the program, leader of a group of its own. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws what `toError` makes of the failure (a ProviderError, without it), ProviderError `unavailable` when it has ended; the signal's reason when that fired */
  async call<Q, S>(
    method: MethodDefinition<Q, S>, request: Q, timeoutMs: number, signal: AbortSignal = new AbortController().signal, toError: (error: ServiceError) => Error = readFailedCall,
  ): Promise<S> {
    try {
      return await unaryCall(this.#client, method, request, timeoutMs, signal, toError);
    } catch (error) {
      if (signal.aborted) throw error;
      throw (await this.#exitSoon()) ?? error;
    }
  }

  /** @throws when it does not say in time that it serves */
  async checkHealth(): Promise<void> {
    const { status } = await this.call(healthCheck, { service: pluginHealthService }, this.#times.healthMs);
    if (status !== 'SERVING') throw ProviderError.unavailable('its program says that it does not serve');
  }

  async end(): Promise<void> {
    await this.#child.end(this.#times);
    await this.exited;
  }

  /** Without asking it first. */
  async kill(): Promise<void> {
    await this.#child.kill(this.#times);
    await this.exited;
  }

  async #exitSoon(): Promise<ProviderError | undefined> {
    const isConnected = this.#ending === undefined && this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
    if (isConnected) return undefined;
    const how = await orAborted(this.exited, withDeadline(exitFollowsMs, 'its end')).catch(() => undefined);
    return how === undefined ? undefined : ProviderError.unavailable(`its program ${how}`);
  }
}

/** The part of this process' environment that programs of plugins are given. */
export function inheritedEnvironment(): Record<string, string> {
  return Object.fromEntries(inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

function environmentOf(directory: string, hostSocket: string | undefined): Record<string, string> {
  return {
    ...inheritedEnvironment(),
    [pluginCookie.name]: pluginCookie.value,
    [pluginVariables.protocols]: String(pluginProtocol),
    [pluginVariables.socketDirectory]: directory,
    ...(hostSocket === undefined ? {} : { [pluginVariables.hostServices]: hostSocket }),
  };
}

async function cleanUp(directory: string, server?: Server): Promise<void> {
  server?.forceShutdown();
  await rm(directory, { recursive: true, force: true });
}
