import { mkdir } from 'node:fs/promises';
import { tagNames, type JsonObject } from '@wombat/plugin-sdk';
import { ProgramSession } from '@wombat/plugin-sdk/host';
import type { Bounds } from '../bounds.js';
import type { RunHost } from './run-host.js';
import { Subject } from './subject.js';

export interface SiteOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly dataDirectory: string;
  readonly clusterId: string;
  readonly settings: JsonObject;
  readonly host: RunHost;
  readonly bounds: Bounds;
  readonly hear: (text: string) => void;
}

/** One registered provider of the plugin: a cluster, settings, a directory, and one program at a time. */
export class Site {
  readonly #options: SiteOptions;
  #current: Subject | undefined;
  /** Machines may have been made here. */
  wasConfigured = false;

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  /** The program that runs, configured; started when there is none. */
  async subject(): Promise<Subject> {
    if (this.#current) return this.#current;
    const subject = await this.start();
    try {
      await subject.configure(await subject.stored(this.#options.settings), this.#options.dataDirectory);
    } catch (error) {
      await this.end();
      throw error;
    }
    this.wasConfigured = true;
    return subject;
  }

  /** Another program in place of the one that runs, not configured. */
  async start(): Promise<Subject> {
    await this.end();
    const { command, environment, workingDirectory, dataDirectory, clusterId, host, bounds, hear } = this.#options;
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    const startedAt = performance.now();
    const session = await ProgramSession.open({
      command, environment, workingDirectory, host, log: { debug: hear, info: hear, warn: hear, error: hear },
      times: { handshakeMs: bounds.callMs, healthMs: bounds.callMs, closeMs: bounds.stopMs, termMs: 1_000 },
    });
    const subject = new Subject({ session, clusterId, startedInMs: performance.now() - startedAt, callMs: bounds.callMs, hear });
    this.#current = subject;
    void session.exited.then(() => {
      if (this.#current === subject) this.#current = undefined;
    });
    return subject;
  }

  /** As the coordinator ends it; undefined when none runs. */
  async end(): Promise<Awaited<ReturnType<Subject['end']>> | undefined> {
    const ending = this.#current;
    this.#current = undefined;
    return await ending?.end();
  }

  async kill(): Promise<void> {
    const dying = this.#current;
    this.#current = undefined;
    await dying?.kill();
  }

  /** Ends it for good; nothing was made here. */
  async discard(): Promise<void> {
    await this.end();
    this.wasConfigured = false;
  }

  /** Destroys what the lists still show. */
  async sweep(): Promise<void> {
    const subject = await this.subject();
    const ours = (await subject.list()).filter(({ tags }) => tags[tagNames.cluster] === subject.clusterId);
    await subject.destroy(...ours);
  }
}
