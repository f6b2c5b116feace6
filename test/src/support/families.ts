import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AddDomainRequest, AttachReleaseRequest, FamilyServiceService, ListProvidersRequest, ProviderServiceService, RegisterProviderRequest } from '@wombat/proto/control';
import type { TarItem } from '@wombat/proto/testing';
import { packOtpRelease, packScripts, sleeper, type Script } from './releases.js';
import type { Workshop } from './workshop.js';

/** A family that is ready to be deployed. */
export interface Prepared {
  readonly family: string;
  readonly release: string;
}

export interface FamilyOptions {
  /** @default "Sleepers" */
  readonly name?: string;
  readonly nodesPerHost?: number;
  /** Further flags of create-family. */
  readonly flags?: readonly string[];
  readonly scripts?: readonly Script[];
  /** Further files of the release. */
  readonly files?: readonly TarItem[];
  /** Its command. @default bin/start */
  readonly start?: string;
  /** Further flags of upload-release. */
  readonly upload?: readonly string[];
}

/** A provider `laptop`, a release that sleeps, and a family of it. */
export async function prepareSleepers(workshop: Workshop, options: FamilyOptions = {}): Promise<Prepared> {
  const { name = 'Sleepers', scripts = [sleeper], files = [], start = 'bin/start', upload = [] } = options;
  const tarball = await packScripts(join(workshop.directory, `${slug(name)}.tar.gz`), scripts, files);
  const release = await workshop.ok('upload-release', `${slug(name)} release`, tarball, start, ...upload);
  return { release, family: await prepareFamily(workshop, release, { ...options, name }) };
}

/** A provider `laptop`, the sample OTP release, and a family of it that is to be one mesh. */
export async function prepareMesh(workshop: Workshop, options: FamilyOptions = {}): Promise<Prepared> {
  const { name = 'Mesh' } = options;
  const tarball = await packOtpRelease(join(workshop.directory, `${slug(name)}.tar.gz`), options.scripts);
  const release = await workshop.ok('upload-release', `${slug(name)} release`, tarball, ...(options.upload ?? []));
  return { release, family: await prepareFamily(workshop, release, { ...options, name, flags: ['--clust', 'erlang-mesh', ...(options.flags ?? [])] }) };
}

/** A family of a release that was uploaded, on the provider `laptop`. What is not about `wo` is asked without a process for each call. */
export async function prepareFamily(workshop: Workshop, release: string, { name = '', nodesPerHost = 2, flags = [] }: FamilyOptions): Promise<string> {
  const { control } = workshop.coordinator;
  const { providers } = await control.call(ProviderServiceService.listProviders, ListProvidersRequest.fromPartial({}));
  if (!providers.some(({ metadata }) => metadata?.name === 'laptop')) {
    await control.call(ProviderServiceService.registerProvider, RegisterProviderRequest.fromPartial({ mutation: { requestId: randomUUID() }, name: 'laptop', driver: 'local' }));
  }
  const family = await workshop.ok('create-family', name, '--sel', 'random', ...flags);
  await control.call(FamilyServiceService.attachRelease, AttachReleaseRequest.fromPartial({ mutation: { requestId: randomUUID() }, family, release }));
  const domain = { family, provider: 'laptop', image: 'local', hardwareProfile: 'host', nodesPerHost };
  await control.call(FamilyServiceService.addDomain, AddDomainRequest.fromPartial({ mutation: { requestId: randomUUID() }, ...domain }));
  return family;
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}
