import { DesiredState, Facts, Hello, NodePhase, NodeStatus, type Assignment } from '@wombat/proto/agent';
import type { FleetListener } from '../fleet/fleet.js';
import { outcomeOf, type FakeFleet, type SentExec } from './fake-fleet.js';

interface RunningNode {
  readonly generation: bigint;
  readonly restartGeneration: bigint;
  readonly startId: string;
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

  /** Says something of a node out of turn. */
  async report(hostId: string, nodeId: string, phase: NodePhase): Promise<void> {
    const { generation = 1n, startId = '' } = this.#nodes.get(nodeId) ?? {};
    await this.listener().onStatus(hostId, [{ ...NodeStatus.decode(Buffer.alloc(0)), nodeId, generation, startId, phase }], false);
  }

  /** What is said to a coordinator that has just stopped is lost. */
  #say(saying: Promise<unknown>): void {
    saying.catch(() => undefined);
  }

  async #follow(hostId: string, assignments: readonly Assignment[]): Promise<void> {
    for (const assignment of assignments) {
      this.taken.push(`${hostId} ${assignment.spec?.name ?? ''} ${DesiredState[assignment.desired]}`);
      const status = this.#status(assignment);
      if (this.fleet.isConnected(hostId)) await this.listener().onStatus(hostId, [status], false);
    }
  }

  #status(assignment: Assignment): NodeStatus {
    const { nodeId, generation, restartGeneration, desired } = assignment;
    const empty = { ...NodeStatus.decode(Buffer.alloc(0)), nodeId, generation };
    if (desired === DesiredState.ABSENT) return { ...empty, phase: NodePhase.ABSENT };
    if (desired === DesiredState.STOPPED) return { ...empty, phase: NodePhase.STOPPED };
    const known = this.#nodes.get(nodeId);
    const startId = known && known.restartGeneration === restartGeneration ? known.startId : `start-${(this.#starts += 1)}`;
    this.#nodes.set(nodeId, { generation, restartGeneration, startId });
    return { ...empty, phase: this.ready(assignment), startId, pid: 100n };
  }
}
