import {
  FamilyServiceService, HostServiceService, JobServiceService, ListFamiliesRequest, ListHardwareProfilesRequest, ListHostsRequest, ListImagesRequest, ListJobsRequest,
  ListJoinTokensRequest, ListNodesRequest, ListOperationsRequest, ListPluginsRequest, ListProvidersRequest, ListReleasesRequest, NodeServiceService, OperationServiceService,
  ProviderServiceService, ReleaseServiceService, SystemServiceService, TokenServiceService, type Metadata, type PageInfo, type PageRequest,
} from '@wombat/proto/control';
import { PluginKind } from '@wombat/proto/plugin';
import { resolveContext } from '../context/resolve.js';
import { Control } from '../control/control.js';
import { loadCredentials } from '../control/credentials.js';
import { offeredCommands } from '../control/offered-commands.js';
import type { Io } from '../terminal/io.js';
import type { Candidate } from './candidates.js';
import type { Source } from './source.js';
import type { TypedLine } from './typed-line.js';

/** Whoever presses the tab key does not wait longer for a coordinator. */
const patienceMs = 300;
const pageSize = 1_000;

/** Names that the coordinator knows, as many as it tells in time: none where it cannot be asked. */
export async function liveNames(sources: readonly Source[], line: TypedLine, io: Io): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const signal = AbortSignal.timeout(patienceMs);
  const asking = askAll(sources, line, io, signal, found).catch(() => undefined);
  await Promise.race([asking, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
  return found;
}

async function askAll(sources: readonly Source[], line: TypedLine, io: Io, signal: AbortSignal, found: Candidate[]): Promise<void> {
  const { context, address } = line.flags;
  const control = new Control(await loadCredentials(await resolveContext({ context, address }, io)), signal, patienceMs);
  const ask = async (source: Source): Promise<void> => {
    for await (const candidates of listers[source]?.(control, line) ?? []) found.push(...candidates);
  };
  await Promise.allSettled(sources.map(ask)).finally(() => control.close());
}

type Lister = (control: Control, line: TypedLine) => AsyncIterable<readonly Candidate[]>;
interface Listed {
  readonly metadata?: Metadata | undefined;
}

const newestFirst = 'created_at desc';

const listers: Readonly<Partial<Record<Source, Lister>>> = {
  family: objects((control, page) => control.call(FamilyServiceService.listFamilies, ListFamiliesRequest.fromPartial({ page })), ({ families }) => families),
  node: objects((control, page) => control.call(NodeServiceService.listNodes, ListNodesRequest.fromPartial({ page })), ({ nodes }) => nodes, (node) => node.familyName),
  host: objects((control, page) => control.call(HostServiceService.listHosts, ListHostsRequest.fromPartial({ page })), ({ hosts }) => hosts, (host) => host.addresses[0] ?? ''),
  provider: objects((control, page) => control.call(ProviderServiceService.listProviders, ListProvidersRequest.fromPartial({ page })), ({ providers }) => providers, ({ driver }) => driver),
  release: objects((control, page) => control.call(ReleaseServiceService.listReleases, ListReleasesRequest.fromPartial({ page })), ({ releases }) => releases, ({ version }) => version),
  domain: (control) => domains(control),
  operation: ids((control, page) => control.call(OperationServiceService.listOperations, ListOperationsRequest.fromPartial({ page })), ({ operations }) => operations, (operation) => operation.metadata?.name ?? ''),
  job: ids((control, page) => control.call(JobServiceService.listJobs, ListJobsRequest.fromPartial({ page })), ({ jobs }) => jobs, (job) => job.expression),
  token: ids((control, page) => control.call(TokenServiceService.listJoinTokens, ListJoinTokensRequest.fromPartial({ page })), ({ joinTokens }) => joinTokens, (token) => token.metadata?.name ?? ''),
  driver: plugins(PluginKind.PROVIDER),
  strategy: plugins(PluginKind.BOOTSTRAP_STRATEGY),
  plugin: plugins(undefined),
  'release command': releaseCommands,
  image: offered((control, provider, page) => control.call(ProviderServiceService.listImages, ListImagesRequest.fromPartial({ provider, page })), ({ images }) => images),
  hardware: offered((control, provider, page) => control.call(ProviderServiceService.listHardwareProfiles, ListHardwareProfilesRequest.fromPartial({ provider, page })), ({ hardwareProfiles }) => hardwareProfiles),
};

type Ask<A> = (control: Control, page: PageRequest) => Promise<A>;
interface Paged {
  readonly page?: PageInfo | undefined;
}

async function* pages<A extends Paged>(ask: (page: PageRequest) => Promise<A>): AsyncGenerator<A> {
  let pageToken = '';
  do {
    const answer = await ask({ pageSize, pageToken, filter: '', orderBy: '' });
    yield answer;
    pageToken = answer.page?.nextPageToken ?? '';
  } while (pageToken);
}

/** By name; by id where the beginning of one is typed. */
function objects<A extends Paged, T extends Listed>(ask: Ask<A>, itemsOf: (answer: A) => readonly T[], about: (item: T) => string = () => ''): Lister {
  return async function* (control, { typed }) {
    const isId = /^[a-z]+-/.test(typed);
    for await (const answer of pages((page) => ask(control, page))) {
      yield itemsOf(answer).flatMap((item) => {
        const { id = '', name = '' } = item.metadata ?? {};
        return [...(name ? [{ value: name, about: about(item) }] : []), ...(isId && id.startsWith(typed) ? [{ value: id, about: name }] : [])];
      });
    }
  };
}

/** What has no name of its own, the newest first: nobody types the id of an old one. */
function ids<A extends Paged, T extends Listed>(ask: Ask<A>, itemsOf: (answer: A) => readonly T[], about: (item: T) => string): Lister {
  return async function* (control) {
    const answer = await ask(control, { pageSize: 100, pageToken: '', filter: '', orderBy: newestFirst });
    yield itemsOf(answer).map((item) => ({ value: item.metadata?.id ?? '', about: about(item) }));
  };
}

async function* domains(control: Control): AsyncGenerator<Candidate[]> {
  for await (const { families } of pages((page) => control.call(FamilyServiceService.listFamilies, ListFamiliesRequest.fromPartial({ page })))) {
    yield families.flatMap((family) => family.domains.map((domain) => ({ value: domain.metadata?.id ?? '', about: `${family.metadata?.name ?? ''}: ${domain.image} ${domain.hardwareProfile}` })));
  }
}

function plugins(kind: PluginKind | undefined): Lister {
  return async function* (control) {
    const answer = await control.call(SystemServiceService.listPlugins, ListPluginsRequest.fromPartial({}));
    yield answer.plugins.flatMap(({ description }) => (description && (kind === undefined || description.kind === kind) ? [{ value: description.name, about: description.summary }] : []));
  };
}

/** Of the family that stands before it; whatever comes behind the command is up to that. */
async function* releaseCommands(control: Control, { args }: TypedLine): AsyncGenerator<Candidate[]> {
  const { expression, words } = args;
  if (expression === undefined || words !== undefined) return;
  yield (await offeredCommands(control, expression)).map(({ name, help }) => ({ value: name, about: help }));
}

/** What the provider has that stands before it on the line. */
function offered<A extends Paged>(ask: (control: Control, provider: string, page: PageRequest) => Promise<A>, itemsOf: (answer: A) => readonly { readonly id: string; readonly name: string }[]): Lister {
  return async function* (control, { args }) {
    const { provider } = args;
    if (provider === undefined) return;
    for await (const answer of pages((page) => ask(control, provider, page))) yield itemsOf(answer).map(({ id, name }) => ({ value: id, about: name === id ? '' : name }));
  };
}
