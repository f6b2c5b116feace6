/**
 * Every failpoint: where a process can be told to die, to wait or to fail. A step that writes has up to four: before its
 * intent is written, after that, after the side effect, and before whoever waits for it is told.
 */
export const failpoints = {
  'coordinator.change.before-commit': 'a change is asked for; nothing of it is written',
  'coordinator.change.after-commit': 'the change is written; who asked has no answer',
  'coordinator.host.before-intent': 'a host is requested; that its machine is being created is not written',
  'coordinator.host.after-intent': 'that a machine is being created is written; the provider has not been asked',
  'coordinator.host.after-create': 'the provider has created the machine; that is not written',
  'coordinator.host.after-created': 'the machine of a host is written',
  'coordinator.host.before-destroy': 'that a machine goes is written; the provider has not been asked',
  'coordinator.host.after-destroy': 'the provider has destroyed the machine; that is not written',
  'coordinator.enrolment.before-issue': 'a join token is good; nothing of the enrolment is written',
  'coordinator.enrolment.after-issue': 'token and certificate are written; the agent has no answer',
  'coordinator.session.before-up': 'an agent has opened a session; that is not written',
  'coordinator.session.after-up': 'the host is up; the agent has not been told what it should have',
  'coordinator.assignment.before-send': 'what a host should have is known; it was not sent',
  'coordinator.assignment.after-send': 'what a host should have was sent',
  'coordinator.report.before-store': 'an agent has reported on nodes; nothing of it is written',
  'coordinator.report.after-store': 'a report on nodes is written',
  'coordinator.join.before-intent': 'a node is to join its cluster; that is not written',
  'coordinator.join.after-intent': 'that a node joins is written; no step of it was sent',
  'coordinator.join.after-steps': 'a node has joined; that is not written',
  'coordinator.step.before-send': 'a step of a strategy was not sent',
  'coordinator.step.after-send': 'a step of a strategy was sent; its outcome is not known',
  'coordinator.drain.before-hook': 'a node is to be drained; nothing was done for it',
  'coordinator.drain.after-hook': 'the drain command of a node has run; that is not written',
  'coordinator.drain.after-leave': 'a node has left its cluster; that is not written',
  'coordinator.exec.before-send': 'a command is written; it was not sent',
  'coordinator.exec.after-send': 'a command was sent; no outcome is known',
  'coordinator.outcome.before-store': 'agents have reported outcomes; they are not written',
  'coordinator.outcome.after-store': 'outcomes are written; the agents have not been told',
  'coordinator.operation.before-finish': 'an operation is done; that is not written',
  'coordinator.operation.after-finish': 'the end of an operation is written',
  'agent.enrolment.before-request': 'the agent has its key and no identity',
  'agent.enrolment.after-answer': 'the coordinator has given an identity; it is not on the disk',
  'agent.enrolment.after-save': 'the identity is on the disk; the join token is still there',
  'agent.assignment.before-journal': 'assignments have come; they are not in the journal',
  'agent.assignment.after-journal': 'assignments are in the journal; nothing follows from them yet',
  'agent.download.during': 'a part of a tarball has come',
  'agent.unpack.before': 'a tarball has come whole; nothing of it is unpacked',
  'agent.unpack.during': 'a part of a tarball is unpacked',
  'agent.tree.before-rename': 'a tarball is unpacked; its tree has no name yet',
  'agent.tree.after-rename': 'a tree has its name; the tarball is still there',
  'agent.root.before-rename': "a node's root is made; it has no name yet",
  'agent.root.after-rename': "a node's root has its name; the journal does not know",
  'agent.start.before-intent': 'a node is to be started; that is not in the journal',
  'agent.start.after-intent': 'the start of a node is in the journal; there is no process',
  'agent.start.after-spawn': 'the process of a node was started; nothing tells of it',
  'agent.start.before-ready': 'a node answers its ready check; that is not in the journal',
  'agent.start.after-ready': 'that a node is ready is in the journal; it is not reported',
  'agent.stop.before-stop': 'the process of a node is to be stopped',
  'agent.stop.after-stop': 'the process of a node has ended; that is not in the journal',
  'agent.stop.after-record': 'the end of a process is in the journal; it is not reported',
  'agent.remove.before-remove': 'what a node has on the disk is to be removed',
  'agent.remove.after-remove': 'what a node had on the disk is removed; the journal does not know',
  'agent.exec.after-journal': 'a command is in the ledger; it was not started',
  'agent.exec.after-spawn': 'a command was started',
  'agent.exec.after-exit': 'the outcome of a command is known; it is not in the ledger',
  'agent.exec.before-report': 'the outcome of a command is in the ledger; it is not reported',
} as const;

export type FailpointName = keyof typeof failpoints;

export const failpointNames = Object.keys(failpoints) as readonly FailpointName[];

export function isFailpoint(name: string): name is FailpointName {
  return Object.hasOwn(failpoints, name);
}
