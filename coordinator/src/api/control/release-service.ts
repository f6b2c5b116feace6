import { checkName, durationToMs, WombatError, type Clock, type Ids } from '@wombat/proto';
import { ReleaseServiceService, RunMode, type CreateReleaseRequest, type Manifest as ManifestMessage, type UploadArtifactRequest, type UploadHeader } from '@wombat/proto/control';
import type { ManifestInput } from '../../domain/release/manifest-input.js';
import type { Artifact, ReadyRule, Release } from '../../domain/model/release.js';
import { digestOf } from '../../domain/release/digest.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { findObject } from '../../engine/find-object.js';
import type { BlobStore } from '../../releases/blob-store.js';
import { BlobUsers } from '../../releases/blob-users.js';
import { examineRelease } from '../../releases/examine-release.js';
import type { NewObject, Store, Transaction } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { releaseView } from './views/release-view.js';

export interface ReleaseServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly blobs: BlobStore;
}

export function releaseService(options: ReleaseServiceOptions): Service {
  const { store, blobs } = options;
  const users = new BlobUsers(store, blobs);
  return implement(ReleaseServiceService, {
    async uploadArtifact(requests, context) {
      const messages = requests[Symbol.asyncIterator]();
      const header = headerOf((await messages.next()).value as UploadArtifactRequest | undefined);
      const expected = { sha256: header.sha256, sizeBytes: Number(header.sizeBytes) };
      const { existed } = await blobs.put(dataOf(messages), expected, context.signal);
      return { sha256: expected.sha256, sizeBytes: header.sizeBytes, existed };
    },
    createRelease(request, context) {
      return users.during(request.artifacts.map(({ sha256 }) => sha256), async () => {
        const { fresh, notes } = await examine(options, request, context.signal);
        const { release, existed } = await mutate(store, request.mutation, (transaction) => insertOnce(transaction, fresh));
        return { release: releaseView(release), existed, notes };
      });
    },
    async listReleases(request) {
      const page = await store.read.releases.page(await pageQuery<'releases'>(request.page, { name: { field: 'name' }, version: { field: 'version' } }));
      return { releases: page.items.map(releaseView), page: { nextPageToken: page.nextPageToken } };
    },
    async getRelease(request) {
      return { release: releaseView(await findObject(store.read, 'releases', request.release)) };
    },
    async removeRelease(request) {
      const release = await mutateObject(store, request.mutation, 'releases', request.release, async (transaction, release) => {
        const family = (await transaction.families.find({})).find(({ spec }) => spec.releaseId === release.id);
        if (family) throw new WombatError('WO_IN_USE', `release ${release.name} is attached to family ${family.name}`, { hint: `attach another one first: wo attach-release ${family.id} RELEASE` });
        const node = (await transaction.nodes.find({ phase: presentPhases })).find(({ releaseId }) => releaseId === release.id);
        if (node) throw new WombatError('WO_IN_USE', `release ${release.name} is run by node ${node.name}`);
        await transaction.releases.delete(release.id);
        return release;
      });
      if (!request.mutation?.dryRun) await users.during(release.artifacts.map(({ sha256 }) => sha256), async () => undefined);
      return {};
    },
  });
}

/** The same tarball with the same manifest is the release that is there. */
async function insertOnce(transaction: Transaction, fresh: NewObject<Release>): Promise<{ release: Release; existed: boolean }> {
  const [known] = await transaction.releases.find({ digest: fresh.digest });
  if (known) return { release: known, existed: true };
  const release = await transaction.releases.insert(fresh);
  await transaction.events.append({
    type: 'release.created', subjectId: release.id, subjectName: release.name, reason: 'created', message: `release ${release.name} ${release.version} was uploaded`,
  });
  return { release, existed: false };
}

function headerOf(first: UploadArtifactRequest | undefined): UploadHeader {
  if (first?.kind?.$case === 'header' && /^[0-9a-f]{64}$/.test(first.kind.value.sha256)) return first.kind.value;
  throw new WombatError('WO_INVALID_ARGUMENT', 'an upload begins with a header that holds the sha256 and the size');
}

async function* dataOf(messages: AsyncIterator<UploadArtifactRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    if (next.value.kind?.$case !== 'data') throw new WombatError('WO_INVALID_ARGUMENT', 'an upload has one header, then data');
    yield next.value.kind.value;
  }
}

async function examine(options: ReleaseServiceOptions, request: CreateReleaseRequest, signal: AbortSignal): Promise<{ fresh: NewObject<Release>; notes: string[] }> {
  const artifacts = await artifactsOf(options.blobs, request);
  const first = artifacts[0]!;
  const examined = await examineRelease(
    { sizeBytes: first.sizeBytes, open: () => options.blobs.get(first.sha256, 0, signal) },
    manifestInput(request.manifest),
    signal,
  );
  const name = request.name || examined.name;
  checkName('release', name);
  const described = { name, version: request.version || examined.version || '1', manifest: examined.manifest, artifacts };
  const fresh = {
    ...described,
    id: options.ids.next('rel'),
    generation: 1,
    observedGeneration: 1,
    layout: examined.inspection.layout,
    ertsVersion: examined.inspection.ertsVersion,
    otpRelease: examined.inspection.otpRelease,
    templateTexts: examined.templateTexts,
    digest: digestOf(described),
  };
  return { fresh, notes: [...examined.notes] };
}

async function artifactsOf(blobs: BlobStore, request: CreateReleaseRequest): Promise<Artifact[]> {
  if (request.artifacts.length === 0) throw new WombatError('WO_INVALID_ARGUMENT', 'a release needs an artifact');
  if (request.artifacts.length > 1) throw new WombatError('WO_INVALID_ARGUMENT', 'a release has one artifact', { hint: 'upload a release for each platform' });
  return Promise.all(
    request.artifacts.map(async ({ sha256, platform }) => {
      const sizeBytes = /^[0-9a-f]{64}$/.test(sha256) ? await blobs.size(sha256) : undefined;
      if (sizeBytes === undefined) throw new WombatError('WO_NOT_FOUND', `no artifact ${sha256.slice(0, 64)} was uploaded`);
      return { sha256, sizeBytes, platform: { os: platform?.os ?? '', arch: platform?.arch ?? '', libc: platform?.libc ?? '' } };
    }),
  );
}

/** What was said of a manifest; empty fields of the message were not. */
function manifestInput(message: ManifestMessage | undefined): ManifestInput {
  if (!message) return {};
  const ready = readyOf(message.ready?.check);
  return {
    start: message.start || undefined,
    stop: message.stop || undefined,
    nodeName: message.nodeName || undefined,
    mode: message.mode === RunMode.DAEMON ? 'daemon' : message.mode === RunMode.FOREGROUND ? 'foreground' : undefined,
    templates: message.templates.length > 0 ? message.templates : undefined,
    ports: message.ports.length > 0 ? message.ports.map(({ name, number, protocol }) => ({ name, number, protocol: protocol === 'udp' ? 'udp' : 'tcp' })) : undefined,
    ready,
    readyTimeoutMs: durationToMs(message.ready?.timeout),
    stopTimeoutMs: durationToMs(message.stopTimeout),
    sharedPaths: message.sharedPaths.length > 0 ? message.sharedPaths : undefined,
    logFiles: message.logFiles.length > 0 ? message.logFiles : undefined,
    environment: Object.keys(message.environment).length > 0 ? message.environment : undefined,
    pidCommand: message.pidCommand || undefined,
  };
}

function readyOf(check: NonNullable<ManifestMessage['ready']>['check']): ReadyRule | undefined {
  switch (check?.$case) {
    case 'command':
      return { kind: 'command', command: check.value };
    case 'port':
      return { kind: 'port', port: check.value };
    case 'aliveFor':
      return { kind: 'alive', aliveForMs: durationToMs(check.value) ?? 0 };
    case 'erlangPing':
      return { kind: 'erlang' };
    default:
      return undefined;
  }
}
