import { OperationState } from '@wombat/proto/control';
import type { Test } from 'tap';
import { idOf, nameOf, tellNode } from './fleet-view.js';
import { notYet, until } from './until.js';
import type { Workshop } from './workshop.js';

export interface Deployed {
  readonly operation: string;
  /** Of sleepers, all that there are. */
  readonly nodes: number;
  readonly hosts: number;
}

/** What must be so after a deploy, whatever was killed in between: nothing is missing, nothing is there twice. */
export async function checkDeployed(t: Test, workshop: Workshop, { operation, nodes: amount, hosts: hostAmount }: Deployed): Promise<void> {
  const nodes = await workshop.untilRunning(amount, { withinMs: 45_000 });
  const ended = await until('the operation has ended', async () => {
    const found = (await workshop.fleet.operations()).find((each) => idOf(each) === operation);
    return found?.finishedAt ? found : notYet(found?.state);
  });
  t.equal(ended.state, OperationState.SUCCEEDED, 'the operation succeeded', { error: ended.error });

  const hosts = await workshop.fleet.hosts();
  t.equal(hosts.length, hostAmount, 'no host is doubled', { hosts: hosts.map(nameOf) });
  t.equal(workshop.hostDirectories().length, hostAmount, 'nor is there a directory of another one');
  await until('each host has one agent', () => {
    const agents = workshop.agents().map(({ environment }) => environment['WOMBAT_HOST_ID']);
    return JSON.stringify(agents.sort()) === JSON.stringify(hosts.map(idOf).sort()) || notYet(agents);
  });
  for (const node of nodes) {
    const programs = workshop.processesOfNode(idOf(node)).filter(({ argv }) => argv[0] === 'sleep');
    t.strictSame(programs.map(({ pid }) => String(pid)), [String(node.pid)], `${tellNode(node)} has one process, the one that is told`);
  }
  await checkHistory(t, workshop);
}

/** Every event from the first on, each once. */
export async function checkHistory(t: Test, workshop: Workshop): Promise<void> {
  const sequences = (await workshop.fleet.events()).map(({ sequence }) => Number(sequence));
  t.strictSame(sequences, sequences.map((_, index) => index + 1), 'the history has no gap and nothing twice');
}
