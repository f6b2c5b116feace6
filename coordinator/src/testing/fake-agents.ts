import { DesiredState, Facts, Hello, NodePhase, NodeStatus, type Assignment } from '@wombat/proto/agent';
import type { FleetListener } from '../fleet/fleet.js';
import { outcomeOf, type FakeFleet, type SentExec } from './fake-fleet.js';

interface RunningNode {
  readonly generation: bigint;
  readonly restartGeneration: bigint;
  readonly startId: string;
  /** What was last said of it out of turn. */
  said?: NodePhase;
}

/** Agents without machines: they take assignments, say that all is well, and answer every command with 0. */
export class FakeAgents {
  /** "host node wish" in the order of their coming. */
  readonly taken: string[] = [];
  /** What a command prints. */
  output: (exec: SentExec) => string = () => '';
  /** The phase that is reported for a node that shall run. */
  ready: (assignment: Assignment) => NodePhase = () => NodePhase.READY;
  readonly #nodes = new Map<string, RunningNode>();
  /** The last report of each host: those of one agent come one after the other, as on its stream. */
  readonly #reports = new Map<string, Promise<void>>();
  #starts = 0;

  constructor(
    private readonly fleet: FakeFleet,
    private readonly listener: () => FleetListener,
  ) {
    fleet.onExec = (exec) => this.#say(this.listener().onExecOutcomes(exec.hostId, [outcomeOf(exec, 0, this.output(exec))]));
    fleet.onAssignments = (hostId, assignments) => this.#say(this.#follow(hostId, assignments));
  }

  /** As an agent does after its enrolment, or when the coordinator is back. */
  async connect(hostId: string): Promise<void> {
    this.fleet.connect(hostId);
    const assignments = await this.listener().onConnected(hostId, Hello.decode(Buffer.alloc(0)));
    await this.listener().onFacts(hostId, Facts.decode(Buffer.alloc(0)));
    await this.#follow(hostId, assignments);
  }

  /** Says something of a node out of turn, and stays with it until the node is started anew. */
  async report(hostId: string, nodeId: string, phase: NodePhase): Promise<void> {
    const node = this.#nodes.get(nodeId);
    if (!node) throw new Error(`the agent of ${hostId} has not taken ${nodeId}`);
    node.said = phase;
    await this.#tell(hostId, () => ({ ...empty(nodeId, node.generation), startId: node.startId, phase }));
  }

  /** What is said to a coordinator that has just stopped is lost. */
  #say(saying: Promise<unknown>): void {
    saying.catch(() => undefined);
  }

  async #follow(hostId: string, assignments: readonly Assignment[]): Promise<void> {
    for (const assignment of assignments) {
      this.taken.push(`${hostId} ${assignment.spec?.name ?? ''} ${DesiredState[assignment.desired]}`);
      await this.#tell(hostId, () => this.#status(assignment));
    }
  }

  async #tell(hostId: string, status: () => NodeStatus): Promise<void> {
    const before = this.#reports.get(hostId);
    const telling = (async () => {
      await before?.catch(() => undefined);
      if (this.fleet.isConnected(hostId)) await this.listener().onStatus(hostId, [status()], false);
    })();
    this.#reports.set(hostId, telling);
    await telling;
  }

  #status(assignment: Assignment): NodeStatus {
    const { nodeId, generation, restartGeneration, desired } = assignment;
    const told = empty(nodeId, generation);
    if (desired === DesiredState.ABSENT) return { ...told, phase: NodePhase.ABSENT };
    if (desired === DesiredState.STOPPED) return { ...told, phase: NodePhase.STOPPED };
    const known = this.#nodes.get(nodeId);
    const same = known?.restartGeneration === restartGeneration ? known : undefined;
    const startId = same?.startId ?? `start-${(this.#starts += 1)}`;
    this.#nodes.set(nodeId, { generation, restartGeneration, startId, ...(same?.said === undefined ? {} : { said: same.said }) });
    return { ...told, phase: same?.said ?? this.ready(assignment), startId, pid: 100n };
  }
}

function empty(nodeId: string, generation: bigint): NodeStatus {
  return { ...NodeStatus.decode(Buffer.alloc(0)), nodeId, generation };
}
