/** A fault that can be injected, and what is promised then. */
export interface Fault {
  readonly id: string;
  readonly what: string;
  readonly promise: string;
  /** Files of tests, from the root. */
  readonly tests: readonly string[];
}

/** What `npm run test:faults` runs and docs/reliability.md tells. */
export const faults: readonly Fault[] = [
  {
    id: 'F1', what: 'the coordinator dies at any step of a deploy, a command, an update or a removal',
    promise: 'it goes on by itself within 10 s of its restart; no machine is doubled, no node started twice',
    tests: ['test/src/faults/coordinator-crash.test.ts', 'test/src/faults/update-crash.test.ts'],
  },
  {
    id: 'F2', what: 'the coordinator is away',
    promise: 'nodes run on and are restarted by their agents; outcomes of commands are not lost',
    tests: ['test/src/faults/parted-network.test.ts', 'test/src/faults/coordinator-away.test.ts', 'test/src/faults/many-return.test.ts', 'agent/src/session/patience.test.ts'],
  },
  {
    id: 'F3', what: 'an agent dies at any step: while it downloads, unpacks, renames, starts, stops',
    promise: 'it goes on where its journal says within 5 s of its restart; half a release never runs; nodes that run are left alone',
    tests: ['test/src/faults/agent-crash.test.ts'],
  },
  {
    id: 'F4', what: 'agents are killed again and again',
    promise: 'in the end every node runs once, and the journal stays small',
    tests: ['test/src/faults/agent-journal.test.ts', 'test/src/faults/agent-killed.test.ts', 'test/src/faults/random-kills.test.ts'],
  },
  {
    id: 'F5', what: "an agent's journal is damaged or cut off",
    promise: 'what can be read is used, the rest is put aside, the coordinator fills the gap',
    tests: ['agent/src/nodes/line-journal.test.ts', 'agent/src/nodes/journal-damage.test.ts', 'test/src/faults/agent-journal.test.ts'],
  },
  {
    id: 'F6', what: 'a machine boots anew', promise: 'what should run there runs again within 10 s',
    tests: ['agent/src/nodes/reboot.test.ts', 'test/src/faults/agent-journal.test.ts'],
  },
  {
    id: 'F7', what: "the disk of a host is full: while a release is fetched or unpacked, or the journal is written",
    promise: 'what it needs and what is free is told; the agent stays connected, the old release runs on; when there is space, all goes on by itself',
    tests: ['agent/src/releases/disk-full.test.ts', 'agent/src/nodes/journal-full-disk.test.ts', 'test/src/faults/agent-disk-full.test.ts'],
  },
  {
    id: 'F8', what: 'the disk of the coordinator is full',
    promise: 'changes are refused by name, what is there can be read, sessions stay; when there is space, all goes on by itself',
    tests: ['coordinator/src/store/sqlite/writing-dialect.test.ts', 'coordinator/src/store/postgres/full-disk.test.ts', 'test/src/faults/full-and-flooded.test.ts'],
  },
  {
    id: 'F9', what: 'the network between agents and coordinator is parted',
    promise: 'silent hosts are known within 15 s, and all is consistent within 10 s of its return',
    tests: ['test/src/faults/host-lost.test.ts', 'test/src/faults/parted-network.test.ts', 'coordinator/src/fleet/agent-fleet.test.ts', 'proto/src/liveness.test.ts'],
  },
  {
    id: 'F10', what: 'many hosts fall silent at once',
    promise: 'healing stops, one event says so, and after a restart there is no false alarm',
    tests: ['test/src/faults/parted-network.test.ts', 'coordinator/src/domain/healing/brake.test.ts', 'coordinator/src/engine/healing/healing.test.ts'],
  },
  {
    id: 'F11', what: 'an agent hangs, or its packets are dropped',
    promise: 'that is noticed within 15 s, and costs nothing afterwards',
    tests: ['test/src/faults/parted-network.test.ts', 'coordinator/src/fleet/agent-fleet.test.ts', 'coordinator/src/fleet/half-open.test.ts'],
  },
  {
    id: 'F14', what: 'an agent sends too much',
    promise: 'it is slowed down or refused; others do not notice, and it speaks for itself alone',
    tests: ['test/src/faults/full-and-flooded.test.ts', 'coordinator/src/fleet/agent-fleet.test.ts'],
  },
  {
    id: 'F15', what: "a host's disk is cloned",
    promise: 'of two agents with one identity one is refused, and the operator is told',
    tests: ['test/src/security/identity-over-time.test.ts', 'coordinator/src/fleet/agent-fleet.test.ts'],
  },
  {
    id: 'F18', what: 'what was captured on the way to an agent is sent again, twice or in another order; a command is sent twice by the coordinator',
    promise: 'nothing is run that was not asked for, and no command twice',
    tests: ['test/src/faults/replayed-frames.test.ts', 'agent/src/session/session.test.ts', 'agent/src/actions/exec.test.ts'],
  },
  {
    id: 'F20', what: 'a certificate ends while the coordinator is away',
    promise: 'its host comes back without a new token; one that is not renewed in time is told before',
    tests: ['test/src/security/identity-over-time.test.ts', 'coordinator/src/auth/host-identities.test.ts', 'coordinator/src/auth/certificate-watch.test.ts', 'agent/src/identity/identity-keeper.test.ts'],
  },
  {
    id: 'F22', what: 'clocks are wrong, or jump',
    promise: 'up to 5 minutes nothing happens; more is told with the offset, and nothing is done twice',
    tests: ['test/src/edges/clock.test.ts', 'test/src/faults/clock-jumps.test.ts', 'proto/src/steady-clock.test.ts', 'coordinator/src/diagnosis/clock-watch.test.ts'],
  },
  {
    id: 'F25', what: 'a stored release is damaged, or its way to a host is cut',
    promise: 'it is noticed by its hash and never run; what is cut goes on where it was',
    tests: ['test/src/faults/damaged-artifact.test.ts', 'test/src/faults/cut-transit.test.ts'],
  },
  {
    id: 'F26', what: 'the program of a plugin dies in the middle of a creation, or again and again',
    promise: 'the coordinator goes on; the program is started again, ever more slowly, and after five times it is left alone for a while and that is told; no machine is made twice',
    tests: ['coordinator/src/plugins/programs/remote-driver.test.ts', 'test/src/deploy/plugin-program.test.ts', 'plugins/provider-amazon-ec2/src/conformance.test.ts'],
  },
  {
    id: 'F27', what: 'the program of a plugin hangs, never shakes hands, answers late or nonsense, floods its log, or keeps every file open',
    promise: 'a call ends within 200 ms of its deadline, the program is ended with all that it has started, and nothing that it says is believed before it is checked',
    tests: ['coordinator/src/plugins/programs/remote-driver.test.ts', 'coordinator/src/engine/machines/bad-cloud.test.ts', 'test/src/deploy/plugin-program.test.ts'],
  },
  {
    id: 'F28', what: 'a cloud throttles, fails, shows machines late, makes a part of what it was asked for, or has no more to give',
    promise: 'it is left alone for as long as it says; no machine is doubled or lost; what was made is told exactly, and machines without a host are found',
    tests: [
      'coordinator/src/engine/machines/bad-cloud.test.ts', 'coordinator/src/engine/machines/stray-sweep.test.ts', 'plugins/provider-amazon-ec2/src/faults.test.ts',
      'test/src/clouds/amazon-ec2.test.ts',
    ],
  },
  {
    id: 'F29', what: 'the store is locked or read-only, its log of writes is gone, or its process is killed while it writes',
    promise: 'what cannot be written is refused by name while all else goes on, and nothing that was acknowledged is lost',
    tests: ['test/src/store/kill-cycles.test.ts', 'test/src/faults/damaged-store.test.ts', 'coordinator/src/store/sqlite/writing-dialect.test.ts', 'coordinator/src/store/sqlite/open.test.ts', 'coordinator/src/store/postgres/lost-connection.test.ts'],
  },
  {
    id: 'F30', what: 'commands of many targets hang, print without end, never read, ignore TERM, detach themselves, print what is no text, or lose their host in the middle',
    promise: 'whoever asked has an outcome of each a second after the deadline; others do not notice, and nothing of them runs on',
    tests: ['test/src/faults/hostile-targets.test.ts', 'test/src/faults/many-commands.test.ts'],
  },
  {
    id: 'F31', what: '`wo` dies, is interrupted or asleep; or the coordinator or an agent dies in the middle of a command',
    promise: 'what was asked for goes on; who comes back sees all of it, and each target of a command has one outcome',
    tests: ['test/src/faults/command-crash.test.ts', 'test/src/operations/operations.test.ts', 'test/src/cli/following.test.ts'],
  },
  {
    id: 'F32', what: 'two operators change one family at once',
    promise: 'the second is told who is first',
    tests: ['test/src/operations/operations.test.ts', 'coordinator/src/engine/deploy-nodes.test.ts'],
  },
  {
    id: 'F33', what: 'a release is bad',
    promise: 'the operation ends at once, with the cause and the last lines of the log',
    tests: ['test/src/operations/update.test.ts', 'test/src/edges/bad-releases.test.ts', 'test/src/edges/start-errors.test.ts'],
  },
  {
    id: 'F35', what: "the coordinator's processor stalls for seconds",
    promise: 'no agent is called silent for it',
    tests: ['test/src/faults/parted-network.test.ts', 'coordinator/src/fleet/agent-fleet.test.ts', 'coordinator/src/fleet/live-clock.test.ts'],
  },
];
