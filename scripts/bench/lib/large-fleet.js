// Writes the rows of a large fleet into the store of a coordinator that does not run.
import { join } from 'node:path';

const day = 86_400_000;
const perTransaction = 500;
const nodesPerOperation = 100;

/**
 * @param {{ repository: string, directory: string, familyId: string, releaseId: string, hosts: number, nodes: number, events: number,
 *           underWay?: number, fingerprints?: string[] }} fleet
 * the directory is the coordinator's; family and release are there already. `underWay`: operations whose nodes still
 * wait for their hosts, 1 unless said; `fingerprints` of the hosts' certificates, invented unless said.
 */
export async function writeLargeFleet({ repository, directory, ...fleet }) {
  const { openSqliteStore } = await import(join(repository, 'coordinator/dist/store/sqlite/open.js'));
  const rows = await import(join(repository, 'coordinator/dist/testing/rows.js'));
  const { idNumber } = await import(join(repository, 'coordinator/dist/testing/counting-ids.js'));
  const { systemClock } = await import(join(repository, 'proto/dist/clock.js'));
  const store = await openSqliteStore({ file: join(directory, 'store', 'wombat.db'), clock: systemClock });
  try {
    const { numbers, hosts, certificates, nodes, operations, events } = rowsOf(fleet, rows, idNumber);
    await inParts(store, numbers(fleet.hosts).map(hosts), (transaction, part) => transaction.hosts.insertAll(part));
    await inParts(store, numbers(fleet.hosts).map(certificates), (transaction, part) => transaction.hostCertificates.insertAll(part));
    await inParts(store, numbers(fleet.nodes).map(nodes), (transaction, part) => transaction.nodes.insertAll(part));
    await inParts(store, numbers(fleet.nodes / nodesPerOperation).map(operations), (transaction, part) => transaction.operations.insertAll(part));
    await inParts(store, numbers(fleet.events).map(events), (transaction, part) => transaction.events.append(...part));
  } finally {
    await store.close();
  }
}

function rowsOf({ familyId, releaseId, hosts: hostCount, nodes: nodeCount, underWay = 1, fingerprints }, { hostRow, nodeRow, operationRow }, idNumber) {
  const now = Date.now();
  const isUnderWay = (operation) => operation <= underWay;
  const fingerprint = (host) => fingerprints?.[host - 1] ?? host.toString(16).padStart(64, '0');
  const hostOf = (node) => ((node - 1) % hostCount) + 1;
  const operationOf = (node) => idNumber('op', Math.ceil(node / nodesPerOperation));
  const subject = (node) => ({ subjectId: idNumber('node', node), subjectName: `web-${node}`, nodeId: idNumber('node', node), hostId: idNumber('host', hostOf(node)), familyId, operationId: operationOf(node) });
  return {
    numbers: (count) => Array.from({ length: count }, (_, index) => index + 1),
    // As set up by hand: no provider could be asked whether they are there.
    hosts: (number) => hostRow(number, { providerId: '', image: '', hardwareProfile: '', phaseSince: now - day, addresses: [`10.0.${number >> 8}.${number & 255}`], facts: facts(number), certificateNotAfter: now + day, lastSeenAt: now }),
    certificates: (number) => ({ id: fingerprint(number), name: '', generation: 1, observedGeneration: 0, hostId: idNumber('host', number), notAfter: now + day }),
    nodes: (number) => nodeRow(familyId, number, { hostId: idNumber('host', hostOf(number)), releaseId, phaseSince: now - day, ...stateOf(number, now, isUnderWay), operationId: operationOf(number), ports: [{ name: 'http', number: 20_000 + number, protocol: 'tcp' }] }),
    operations: (number) => operationRow({ id: idNumber('op', number), name: `deploy 100 of web (${number})`, familyId, plan: plan(number, hostOf, idNumber), ...(isUnderWay(number) ? { state: 'running', deadline: now + day } : { state: 'succeeded', finishedAt: now - day }), progress: { total: nodesPerOperation, done: isUnderWay(number) ? 0 : nodesPerOperation, failed: 0 } }),
    events: (number) => ({ type: 'node.running', reason: 'ready', message: `web-${number} runs`, ...subject((number % nodeCount) + 1), payload: { pid: number, restarts: 0 } }),
  };
}

function stateOf(node, now, isUnderWay) {
  if (isUnderWay(Math.ceil(node / nodesPerOperation))) return { phase: 'pending', observedGeneration: 0, pid: 0, startId: '' };
  return { phase: 'running', startedAt: now - day };
}

function plan(operation, hostOf, idNumber) {
  return Array.from({ length: nodesPerOperation }, (_, index) => {
    const node = (operation - 1) * nodesPerOperation + index + 1;
    return { action: 'create_node', nodeId: idNumber('node', node), nodeName: `web-${node}`, hostId: idNumber('host', hostOf(node)), domainId: '', reason: 'the host with the fewest nodes of the family' };
  });
}

function facts(number) {
  return { hostname: `host-${number}`, os: 'linux', arch: 'amd64', libc: 'glibc', libcVersion: '2.36', kernel: '6.1.0', cpuCount: 8, memoryBytes: String(16 * 1024 ** 3), addresses: [`10.0.${number >> 8}.${number & 255}`], agentVersion: '0.1.0', bootId: `boot-${number}` };
}

async function inParts(store, rows, write) {
  for (let from = 0; from < rows.length; from += perTransaction) {
    await store.transaction((transaction) => write(transaction, rows.slice(from, from + perTransaction)));
  }
}
