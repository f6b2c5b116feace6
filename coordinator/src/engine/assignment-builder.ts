import type { CallContext } from '@wombat/plugin-sdk';
import { durationFromMs, WombatError, type Clock } from '@wombat/proto';
import { DesiredState, RestartMode, RunMode, type Assignment, type NodeSpec } from '@wombat/proto/agent';
import { secretOwner, type Family, type FamilySpec, type RestartMode as RestartWord } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import { hostPlatform } from '../domain/model/host-platform.js';
import type { Node, NodeDesired } from '../domain/model/node.js';
import type { Artifact, Release } from '../domain/model/release.js';
import { artifactFor } from '../domain/release/artifact-platform.js';
import { isErlangRelease } from '../domain/release/fill-manifest.js';
import { renderNode, type RenderedNode } from '../domain/release/render-node.js';
import { inPhase, presentPhases } from '../domain/states/node-states.js';
import type { Candidate } from '../domain/selection/selector.js';
import { findSelector, mostContacts } from '../domain/selection/selectors.js';
import type { Store, Transaction } from '../store/store.js';
import { memberOf } from './bootstrap/member.js';
import { nodePhaseEvent, storedError } from './events.js';
import { specOfNode } from './family-revisions.js';
import { artifactOn, checkSize, limitsOf, readyCheck, requirementsOf } from './node-spec-parts.js';
import { isUnavailable, type Secrets, type StrategyDirectory } from './ports.js';

export interface AssignmentBuilderOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly strategies: StrategyDirectory;
}

/** All that is known of how a node is run. */
export interface NodeRendering {
  readonly node: Node;
  readonly release: Release;
  readonly rendered: RenderedNode;
  /** undefined while it is not known what its host is. */
  readonly artifact: Artifact | undefined;
  /** Not empty: what is not known yet. */
  readonly provisional: string;
}

/** What a host is sent now, and why the rest of it comes later. */
export interface HostAssignments {
  readonly assignments: readonly Assignment[];
  /** WO_PLUGIN_UNAVAILABLE, when nodes were left out since their strategy does not answer. */
  readonly late?: WombatError;
}

interface Surroundings {
  readonly host: Host;
  readonly family: Family;
  /** Of the family, as this node runs it. */
  readonly spec: FamilySpec;
  readonly release: Release;
}

const desiredStates: Readonly<Record<NodeDesired, DesiredState>> = {
  running: DesiredState.RUNNING, stopped: DesiredState.STOPPED, absent: DesiredState.ABSENT,
};
/** Where epmd listens unless the machine says otherwise. */
const restartModes: Readonly<Record<RestartWord, RestartMode>> = { always: RestartMode.ALWAYS, on_failure: RestartMode.ON_FAILURE, never: RestartMode.NEVER };

const standardEpmdPort = 4369;

/** Turns rows into what an agent is asked for. */
export class AssignmentBuilder {
  readonly #options: AssignmentBuilderOptions;

  constructor(options: AssignmentBuilderOptions) {
    this.#options = options;
  }

  /**
   * Gives the nodes of a host what depends on its address: their own, their Erlang name, and the
   * contacts that their templates may name. Once for each node; it is kept from then on.
   */
  async prepare(host: Host): Promise<void> {
    const address = host.addresses[0];
    // Before the provider has answered, less is known of the machine than nodes need.
    if (address === undefined || host.machineId === '') return;
    const unprepared = (await this.#nodesOn(host)).filter((node) => node.address === '');
    if (unprepared.length === 0) return;
    const known = new Map<string, Candidate[]>();
    await this.#options.store.transaction(async (transaction) => {
      for (const { id } of unprepared) {
        const node = await transaction.nodes.get(id);
        const release = node && (await transaction.releases.get(node.releaseId));
        const family = node && (await transaction.families.get(node.familyId));
        if (!node || !release || !family || node.address !== '') continue;
        const candidates = known.get(family.id) ?? (await candidatesIn(transaction, family.id));
        const contactIds = contactsAmong(candidates, family, node);
        await transaction.nodes.update({ ...node, address, contactIds, erlangName: isErlangRelease(release) ? `${node.name}@${address}` : '' });
        known.set(family.id, [...candidates, { nodeId: node.id, memberSince: node.ordinal }].slice(0, mostContacts));
      }
    });
  }

  /** What the host should have, newest generation each; nodes that are not prepared, or whose strategy does not answer, are left out. */
  async forHost(host: Host, context: CallContext, wanted: (node: Node) => boolean = () => true): Promise<HostAssignments> {
    const nodes = (await this.#nodesOn(host)).filter((node) => node.address !== '' && wanted(node));
    // Together: strategies that do not answer are waited for once.
    const results = await Promise.allSettled(nodes.map(async (node) => await this.#assignment(node, context)));
    const late: WombatError[] = [];
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') late.push(await this.#waitForStrategy(nodes[index]!, result.reason));
    }
    const assignments = results.flatMap((result) => (result.status === 'fulfilled' && result.value ? [result.value] : []));
    return { assignments, ...(late[0] && { late: late[0] }) };
  }

  /**
   * What the node's host is sent, or will be: before its host is up, `<address>` stands for its address.
   * @throws WombatError WO_TEMPLATE_..., WO_PLUGIN_UNAVAILABLE
   */
  async render(node: Node, context: CallContext): Promise<NodeRendering> {
    const around = await this.#surroundings(node);
    const { release, host } = around;
    const isKnown = node.address !== '';
    const told = isKnown ? node : { ...node, address: '<address>', erlangName: isErlangRelease(release) ? `${node.name}@<address>` : '' };
    const platform = hostPlatform(host);
    return {
      node: told, release,
      artifact: platform && artifactFor(release.artifacts, platform),
      rendered: await this.#render(told, around, context),
      provisional: isKnown ? '' : `${host.name} is not up yet: <address> stands for its address, and no contacts are chosen`,
    };
  }

  #nodesOn(host: Host): Promise<Node[]> {
    return this.#options.store.read.nodes.find({ hostId: host.id, phase: presentPhases });
  }

  /** @throws WombatError WO_PLUGIN_UNAVAILABLE, or the reason of the signal */
  async #assignment(node: Node, context: CallContext): Promise<Assignment | undefined> {
    const wanted = {
      nodeId: node.id,
      generation: BigInt(node.generation),
      desired: desiredStates[node.desired],
      restartGeneration: BigInt(node.restartGeneration),
      keepData: node.keepData,
    };
    if (node.desired === 'absent') return { ...wanted, spec: undefined };
    try {
      const spec = await this.#spec(node, context);
      return spec && { ...wanted, spec };
    } catch (error) {
      if (context.signal.aborted || isUnavailable(error)) throw error;
      await this.#unrenderable(node, error);
      return undefined;
    }
  }

  /** undefined until the host has said what it is, where that matters. */
  async #spec(node: Node, context: CallContext): Promise<NodeSpec | undefined> {
    const around = await this.#surroundings(node);
    const artifact = artifactOn(around.host, around.release);
    if (!artifact) return undefined;
    const rendered = await this.#render(node, around, context);
    const { family, spec, release } = around;
    const secrets = this.#secrets(family, spec);
    checkSize(node, rendered, secrets);
    return {
      familyId: family.id,
      familyName: family.name,
      name: node.name,
      artifact: { sha256: artifact.sha256, sizeBytes: BigInt(artifact.sizeBytes), sharedPaths: [...release.manifest.sharedPaths] },
      run: {
        mode: release.manifest.mode === 'daemon' ? RunMode.DAEMON : RunMode.FOREGROUND,
        start: [...rendered.start],
        stop: rendered.stop.length > 0 ? { kind: { $case: 'command', value: { argv: [...rendered.stop], environment: {}, settings: undefined } } } : undefined,
        ready: readyCheck(rendered.ready),
        readyTimeout: durationFromMs(release.manifest.readyTimeoutMs),
        stopTimeout: durationFromMs(release.manifest.stopTimeoutMs),
        termTimeout: undefined,
        pidCommand: [...rendered.pidCommand],
      },
      files: rendered.files.map(({ path, text, mode }) => ({ path, content: Buffer.from(text), mode })),
      environment: { ...rendered.environment },
      secrets,
      ports: node.ports.map((port) => ({ ...port })),
      erlang: rendered.isErlang ? this.#erlang(node, around) : undefined,
      restart: {
        mode: restartModes[spec.restart.mode ?? 'always'],
        tries: spec.restart.tries,
        interval: durationFromMs(spec.restart.intervalMs),
        delay: durationFromMs(spec.restart.delayMs),
      },
      limits: limitsOf(release.manifest),
      requirements: requirementsOf(release.manifest, artifact),
      logFiles: [...release.manifest.logFiles],
      address: node.address,
    };
  }

  #erlang(node: Node, { family, host }: Surroundings): NonNullable<NodeSpec['erlang']> {
    if (host.attributes?.['erlang.epmd-serves-host'] === false) {
      throw new WombatError('WO_ADDRESS_LIMIT', `the epmd of this machine does not serve ${host.name}: it takes the addresses of 13 hosts`);
    }
    return {
      nodeName: node.erlangName,
      cookie: Buffer.from(this.#options.secrets.open(family.id, family.sealedCookie)),
      distributionPort: node.distributionPort,
      epmdPort: epmdPortOf(host),
      longNames: true,
    };
  }

  /** For this host alone: they are opened when they are sent, and kept nowhere. */
  #secrets(family: Family, { sealedSecrets }: FamilySpec): NodeSpec['secrets'] {
    return Object.entries(sealedSecrets).map(([name, sealed]) => ({
      name, environmentName: name, value: Buffer.from(this.#options.secrets.open(secretOwner(family.id, name), sealed)),
    }));
  }

  async #render(node: Node, { host, family, spec, release }: Surroundings, context: CallContext): Promise<RenderedNode> {
    const contacts: Node[] = [];
    for (const id of node.contactIds) {
      const contact = await this.#options.store.read.nodes.get(id);
      if (contact) contacts.push(contact);
    }
    const { strategy: name, options } = spec.bootstrap;
    const strategy = await this.#options.strategies.strategy(name).planInputs({ options, self: memberOf(node), contacts: contacts.map(memberOf) }, context);
    return renderNode({
      release, node, epmdPort: epmdPortOf(host), host, contacts, strategy,
      family: { id: family.id, name: family.name, environment: spec.environment, secretNames: Object.keys(spec.sealedSecrets) },
    });
  }

  async #surroundings(node: Node): Promise<Surroundings> {
    const { read } = this.#options.store;
    const [host, family, release] = await Promise.all([read.hosts.get(node.hostId), read.families.get(node.familyId), read.releases.get(node.releaseId)]);
    if (!host || !family || !release) throw new WombatError('WO_NOT_FOUND', `the host, family or release of ${node.name} is not there any more`);
    return { host, family, spec: await specOfNode(read, family, node), release };
  }

  /** It is asked again later; an operation that waits for the node shows why. @throws what is no failure of a plugin's program */
  async #waitForStrategy(node: Node, error: unknown): Promise<WombatError> {
    if (!isUnavailable(error)) throw error;
    await this.#options.store.transaction(async (transaction) => {
      const current = await transaction.nodes.get(node.id);
      if (!current || current.generation !== node.generation || current.observedGeneration >= current.generation) return;
      if (current.waiting?.reason === error.message) return;
      await transaction.nodes.update({ ...current, waiting: { reason: error.message, since: current.waiting?.since ?? this.#options.clock.now() } });
    });
    return error;
  }

  /** Trying again would fail the same way: the node is given up until somebody changes something. */
  async #unrenderable(node: Node, error: unknown): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const current = await transaction.nodes.get(node.id);
      if (!current || current.phase === 'failed') return;
      const failed = await transaction.nodes.update(inPhase(current, 'failed', this.#options.clock.now(), { lastError: storedError(error) }));
      await transaction.events.append(nodePhaseEvent(failed));
    });
  }
}

/** The first nodes of the family that have an address already. */
async function candidatesIn(transaction: Transaction, familyId: string): Promise<Candidate[]> {
  const { items } = await transaction.nodes.page({ where: { familyId, phase: presentPhases }, pageSize: 4 * mostContacts });
  return items.filter((node) => node.address !== '' && node.desired !== 'absent').slice(0, mostContacts).map((node) => ({ nodeId: node.id, memberSince: node.ordinal }));
}

/** As the family's selector says. */
function contactsAmong(candidates: readonly Candidate[], family: Family, node: Node): string[] {
  const select = findSelector(family.spec.selector);
  return (select ? select(node.id, candidates) : candidates).map(({ nodeId }) => nodeId);
}

function epmdPortOf(host: Host): number {
  const port = host.attributes?.['erlang.epmd-port'];
  return typeof port === 'number' ? port : standardEpmdPort;
}
