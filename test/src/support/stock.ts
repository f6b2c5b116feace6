import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as control from '@wombat/proto/control';
import { describeProcess } from './processes.js';
import type { Workshop } from './workshop.js';

/** Everything that a refused command must leave as it was. */
export interface Stock {
  /** Answers of all lists, by kind. */
  readonly lists: Readonly<Record<string, unknown>>;
  /** The number of the newest event. */
  readonly sequence: string;
  readonly blobs: readonly string[];
  readonly processes: readonly string[];
}

export async function takeStock(workshop: Workshop): Promise<Stock> {
  const { control: client } = workshop.coordinator;
  const lists = {
    providers: control.ListProvidersResponse.toJSON(await client.call(control.ProviderServiceService.listProviders, control.ListProvidersRequest.fromPartial({}))),
    releases: control.ListReleasesResponse.toJSON(await client.call(control.ReleaseServiceService.listReleases, control.ListReleasesRequest.fromPartial({}))),
    families: control.ListFamiliesResponse.toJSON(await client.call(control.FamilyServiceService.listFamilies, control.ListFamiliesRequest.fromPartial({}))),
    hosts: control.ListHostsResponse.toJSON(await client.call(control.HostServiceService.listHosts, control.ListHostsRequest.fromPartial({}))),
    nodes: control.ListNodesResponse.toJSON(await client.call(control.NodeServiceService.listNodes, control.ListNodesRequest.fromPartial({}))),
    operations: control.ListOperationsResponse.toJSON(await client.call(control.OperationServiceService.listOperations, control.ListOperationsRequest.fromPartial({}))),
    jobs: control.ListJobsResponse.toJSON(await client.call(control.JobServiceService.listJobs, control.ListJobsRequest.fromPartial({}))),
    tokens: control.ListJoinTokensResponse.toJSON(await client.call(control.TokenServiceService.listJoinTokens, control.ListJoinTokensRequest.fromPartial({}))),
  };
  const events = await workshop.fleet.events();
  return { lists, sequence: String(events.at(-1)?.sequence ?? 0), blobs: blobsOf(workshop), processes: workshop.processes().map(describeProcess) };
}

function blobsOf(workshop: Workshop): string[] {
  try {
    return readdirSync(join(workshop.coordinator.directory, 'blobs'), { recursive: true }).map(String).filter((name) => name !== 'staging').sort();
  } catch {
    return [];
  }
}
