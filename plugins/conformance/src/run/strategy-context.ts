import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JoinOrder, type Member } from '@wombat/plugin-sdk';
import { BootstrapStrategyServiceService as methods, type DescribeStrategyResponse } from '@wombat/proto/plugin';
import { boundsWith, type Bounds } from '../bounds.js';
import { ErlangNodes, hasErlang } from '../nodes/erlang-nodes.js';
import type { Nodes } from '../nodes/nodes.js';
import type { StrategyConformanceOptions } from '../strategy-options.js';
import { AskedStrategy } from './asked-strategy.js';
import { makeHomes, type Homes } from './homes.js';
import { commandOf } from './program.js';
import type { RunningProgram } from './running-program.js';
import { StrategySite } from './strategy-site.js';

/** What decides whether a check of a strategy can say something. */
export interface StrategyGiven {
  /** Why nothing can be joined; undefined: it can. */
  readonly noCluster: string | undefined;
}

/** What the checks of one run share: the strategy's program, where it runs, and all that it has printed. */
export class StrategyContext {
  readonly options: StrategyConformanceOptions;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly bounds: Bounds;
  readonly homes: Homes;
  readonly site: StrategySite;
  /** Lines that the program has printed. */
  readonly printed: string[] = [];
  readonly #directory: string;
  #description: DescribeStrategyResponse | undefined;
  #given: Promise<StrategyGiven> | undefined;

  static async open(options: StrategyConformanceOptions): Promise<StrategyContext> {
    // What is asked wrongly leaves nothing behind.
    const command = commandOf(options);
    const directory = await mkdtemp(join(tmpdir(), 'wombat-conformance-'));
    return new StrategyContext(options, command, directory, await makeHomes(directory));
  }

  private constructor(options: StrategyConformanceOptions, command: readonly string[], directory: string, homes: Homes) {
    this.options = options;
    this.command = command;
    this.environment = { HOME: homes.home, TMPDIR: homes.temporary, ...options.environment };
    this.bounds = boundsWith(options.slack ?? 1);
    this.homes = homes;
    this.#directory = directory;
    this.site = new StrategySite({ command, environment: this.environment, workingDirectory: homes.work, bounds: this.bounds, print: (line) => this.printed.push(line) });
  }

  async subject(): Promise<RunningProgram> {
    return await this.site.program();
  }

  async strategy(): Promise<AskedStrategy> {
    return new AskedStrategy(await this.subject(), this.options.options ?? {});
  }

  async describe(): Promise<DescribeStrategyResponse> {
    return (this.#description ??= await (await this.subject()).call(methods.describeStrategy, {}));
  }

  async given(): Promise<StrategyGiven> {
    return await (this.#given ??= this.#findGiven());
  }

  /** With nodes of its own that know nobody. */
  async withNodes<T>(work: (nodes: Nodes) => Promise<T>): Promise<T> {
    const nodes = await (this.options.nodes ?? ErlangNodes.open)();
    try {
      return await work(nodes);
    } finally {
      await nodes.close();
    }
  }

  async close(): Promise<void> {
    await this.site.end();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #findGiven(): Promise<StrategyGiven> {
    if ((await this.describe()).joinOrder === JoinOrder.NONE) return { noCluster: 'it forms no cluster' };
    if (this.options.nodes) return { noCluster: undefined };
    const [self, contact] = sampleMembers(2);
    const steps = await (await this.strategy()).planJoin(self!, [contact!]);
    if (steps.some(({ action }) => action?.kind?.$case === 'command')) return { noCluster: 'its steps run commands, and no nodes were given that have them' };
    return { noCluster: hasErlang() ? undefined : 'Erlang is not installed' };
  }
}

/** Nodes that a strategy is asked about, and that nothing is run on. */
export function sampleMembers(count: number): readonly Member[] {
  return Array.from({ length: count }, (_, index) => {
    const [name, address] = [`web-${index + 1}`, `10.1.${index >> 8}.${index & 255}`];
    return { nodeId: `node-${index + 1}`, name, address, erlangName: `${name}@${address}`, ports: { http: 8_080 } };
  });
}
