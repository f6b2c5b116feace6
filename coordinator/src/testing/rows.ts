import type { Domain, Family, FamilySpec } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import type { Node } from '../domain/model/node.js';
import type { Operation } from '../domain/model/operation.js';
import type { Provider } from '../domain/model/provider.js';
import type { Manifest, Release } from '../domain/model/release.js';
import type { NewObject } from '../store/store.js';
import { idNumber } from './counting-ids.js';

const base = { generation: 1, observedGeneration: 0 } as const;

/** Rows as the store takes them; everything that a test does not say is plausible. */
export function providerRow(fields: Partial<NewObject<Provider>> = {}): NewObject<Provider> {
  return { ...base, id: idNumber('prv', 900), name: 'cloud', driver: 'fake', settings: {}, sealedSecrets: {}, identity: 'account 7', ...fields };
}

export function manifestOf(fields: Partial<Manifest> = {}): Manifest {
  return {
    start: 'bin/run', stop: '', nodeName: '', mode: 'foreground', templates: [], ports: [], ready: { kind: 'alive', aliveForMs: 100 },
    readyTimeoutMs: 60_000, stopTimeoutMs: 30_000, sharedPaths: [], logFiles: [], environment: {}, pidCommand: '',
    dataDirectory: false, runAs: '', limits: { openFiles: 0, processes: 0, nice: 0, memoryBytes: 0 }, needs: { memoryBytes: 0, diskBytes: 0 }, commands: [], ...fields,
  };
}

export function releaseRow(fields: Partial<NewObject<Release>> = {}): NewObject<Release> {
  return {
    ...base, id: idNumber('rel', 900), name: 'web', version: '1.0', manifest: manifestOf(), layout: 'plain', ertsVersion: '', otpRelease: '', templateTexts: {},
    artifacts: [{ sha256: 'a'.repeat(64), sizeBytes: 1_000, platform: { os: '', arch: '', libc: '' } }],
    digest: `digest of ${fields.id ?? idNumber('rel', 900)}`, ...fields,
  };
}

/** `number` tells the families of a test apart. */
export function familyRow(fields: Partial<NewObject<Family>> = {}, spec: Partial<FamilySpec> = {}, number = 900): NewObject<Family> {
  const id = idNumber('fam', number);
  return {
    ...base, id, name: `family ${number}`, sealedCookie: `sealed:${id}:COOKIE`, cluster: { health: 'not_clustered', parts: [] },
    spec: {
      selector: 'all', bootstrap: { strategy: 'none', options: {} }, firewall: [], environment: {}, sealedSecrets: {},
      restart: { tries: 5, intervalMs: 60_000, delayMs: 1_000 }, ...spec,
    },
    ...fields,
  };
}

export function domainRow(familyId: string, fields: Partial<NewObject<Domain>> = {}, number = 900): NewObject<Domain> {
  return {
    ...base, id: idNumber('dom', number), name: `cloud/${number}`, familyId, providerId: idNumber('prv', 900), image: 'img', hardwareProfile: 'small',
    region: '', zone: '', labels: {}, nodesPerHost: 2, maxHosts: 0, priority: 0, weight: 1, ...fields,
  };
}

export function hostRow(number: number, fields: Partial<NewObject<Host>> = {}): NewObject<Host> {
  const id = idNumber('host', number);
  return {
    ...base, id, name: `cloud-${number}`, providerId: idNumber('prv', 900), image: 'img', hardwareProfile: 'small', region: '', zone: '', key: id,
    phase: 'up', phaseSince: 0, desired: 'present', machineId: `machine-${number}`, addresses: [`127.9.9.${number}`], attempts: 1, ...fields,
  };
}

/** A node that runs, on the host of the same number unless said otherwise. */
export function nodeRow(familyId: string, number: number, fields: Partial<NewObject<Node>> = {}): NewObject<Node> {
  return {
    ...base, observedGeneration: 1, id: idNumber('node', number), name: `web-${number}`, familyId, familyGeneration: 1, domainId: idNumber('dom', 900), hostId: idNumber('host', number),
    releaseId: idNumber('rel', 900), ordinal: number, desired: 'running', restartGeneration: 0, keepData: false, phase: 'running', phaseSince: 0,
    address: `127.9.9.${number}`, erlangName: '', ports: [], distributionPort: 20_000 + number, contactIds: [], pid: 4_000 + number, startId: `start-${number}`,
    restarts: 0, logTail: '', operationId: '', ...fields,
  };
}

export function operationRow(fields: Partial<NewObject<Operation>> = {}): NewObject<Operation> {
  return {
    ...base, id: idNumber('op', 900), name: 'deploy 1 of family 900', kind: 'deploy', state: 'running', familyId: '', principal: 'ada', plan: [],
    progress: { total: 1, done: 0, failed: 0 }, ...fields,
  };
}
