import { checkName, WombatError, type Ids } from '@wombat/proto';
import { ReleaseServiceService, type CreateReleaseRequest } from '@wombat/proto/control';
import type { Release } from '../../domain/model/release.js';
import { digestOf } from '../../domain/release/digest.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { findObject } from '../../engine/find-object.js';
import type { BlobStore } from '../../releases/blob-store.js';
import { examineArtifacts, type GivenArtifact } from '../../releases/examine-artifacts.js';
import type { ReleaseBlobs } from '../../releases/release-blobs.js';
import type { NewObject, Store, Transaction } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { saidManifest, saidManifestFile } from './said-manifest.js';
import { readUpload, sha256Form } from './upload.js';
import { releaseView } from './views/release-view.js';

export interface ReleaseServiceOptions {
  readonly store: Store;
  readonly ids: Ids;
  readonly blobs: BlobStore;
  readonly releaseBlobs: ReleaseBlobs;
}

/** One for each platform that there is, and more. */
const maximumArtifacts = 32;

export function releaseService(options: ReleaseServiceOptions): Service {
  const { store, releaseBlobs } = options;
  return implement(ReleaseServiceService, {
    async uploadArtifact(requests, context) {
      const { expected, bytes } = await readUpload(requests);
      const { existed } = await releaseBlobs.upload(bytes, expected, context.signal);
      return { sha256: expected.sha256, sizeBytes: BigInt(expected.sizeBytes), existed };
    },
    async createRelease(request, context) {
      // Each claim costs a look at all releases.
      checkCount(request);
      const claim = await releaseBlobs.claim(request.artifacts.map(({ sha256 }) => sha256).filter((sha256) => sha256Form.test(sha256)));
      try {
        const { fresh, notes } = await examine(options, request, context.signal);
        const { release, existed } = await mutate(store, request.mutation, (transaction) => keep(transaction, fresh));
        return { release: releaseView(release), existed, notes, dryRun: request.mutation?.dryRun ?? false };
      } finally {
        await claim.release();
      }
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
        const { items: [node] } = await transaction.nodes.page({ where: { releaseId: release.id, phase: presentPhases }, pageSize: 1 });
        if (node) throw new WombatError('WO_IN_USE', `release ${release.name} is run by node ${node.name}`);
        await transaction.releases.delete(release.id);
        return release;
      });
      if (!request.mutation?.dryRun) await releaseBlobs.dropUnused(release.artifacts.map(({ sha256 }) => sha256));
      return {};
    },
  });
}

/** The same release is stored once. */
async function keep(transaction: Transaction, fresh: NewObject<Release>): Promise<{ release: Release; existed: boolean }> {
  const [known] = await transaction.releases.find({ digest: fresh.digest });
  if (known) return { release: known, existed: true };
  const release = await transaction.releases.insert(fresh);
  await transaction.events.append({
    type: 'release.created', subjectId: release.id, subjectName: release.name, reason: 'created', message: `release ${release.name} ${release.version} was uploaded`,
  });
  return { release, existed: false };
}

async function examine(options: ReleaseServiceOptions, request: CreateReleaseRequest, signal: AbortSignal): Promise<{ fresh: NewObject<Release>; notes: string[] }> {
  const given = await givenArtifacts(options.blobs, request, signal);
  const { artifacts, ...examined } = await examineArtifacts(given, { input: saidManifest(request.manifest), file: saidManifestFile(request.manifestFile) }, signal);
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

function checkCount({ artifacts }: CreateReleaseRequest): void {
  if (artifacts.length === 0) throw new WombatError('WO_INVALID_ARGUMENT', 'a release needs an artifact');
  if (artifacts.length > maximumArtifacts) throw new WombatError('WO_INVALID_ARGUMENT', `a release has ${maximumArtifacts} artifacts at most`);
}

async function givenArtifacts(blobs: BlobStore, request: CreateReleaseRequest, signal: AbortSignal): Promise<GivenArtifact[]> {
  return Promise.all(
    request.artifacts.map(async ({ sha256, platform }): Promise<GivenArtifact> => {
      const sizeBytes = sha256Form.test(sha256) ? await blobs.size(sha256) : undefined;
      if (sizeBytes === undefined) throw new WombatError('WO_NOT_FOUND', `no artifact ${sha256.slice(0, 64)} was uploaded`);
      return {
        sha256, sizeBytes,
        platform: { os: platform?.os ?? '', arch: platform?.arch ?? '', libc: platform?.libc ?? '' },
        source: { sizeBytes, open: () => blobs.get(sha256, 0, signal) },
      };
    }),
  );
}
