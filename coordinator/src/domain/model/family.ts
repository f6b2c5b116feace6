import type { Attributes, StoredObject } from './object.js';

export interface BootstrapSpec {
  readonly strategy: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface FirewallRule {
  readonly protocol: 'tcp' | 'udp';
  readonly fromPort: number;
  readonly toPort: number;
  /** CIDR; empty: everywhere. */
  readonly source: string;
}

export type RestartMode = 'always' | 'on_failure' | 'never';

export interface RestartSpec {
  /** Families of earlier versions do not say it: always. */
  readonly mode?: RestartMode;
  readonly tries: number;
  readonly intervalMs: number;
  readonly delayMs: number;
}

export type ClusterHealth = 'not_clustered' | 'forming' | 'one' | 'split';

/** What the nodes themselves say. */
export interface ClusterState {
  readonly health: ClusterHealth;
  /** Names of the nodes of each connected part, when split. */
  readonly parts: readonly (readonly string[])[];
  /** Why they could not be asked yet, while it forms. */
  readonly unseen?: string;
}

export interface FamilySpec {
  readonly releaseId?: string;
  readonly selector: string;
  readonly bootstrap: BootstrapSpec;
  readonly firewall: readonly FirewallRule[];
  readonly environment: Readonly<Record<string, string>>;
  /** Secret variables: name -> text sealed under `secretOwner()`. No name is in `environment` too. */
  readonly sealedSecrets: Readonly<Record<string, string>>;
  readonly restart: RestartSpec;
}

/** What a secret of a family is sealed under: it opens in its own family and under its own name only. */
export function secretOwner(familyId: string, name: string): string {
  return `${familyId}/${name}`;
}

/** Who made a revision of a family. */
export interface RevisionOrigin {
  readonly at: number;
  readonly principal: string;
  /** The generation that it went back to. */
  readonly backTo?: number;
}

/**
 * What becomes of nodes whose host is lost. `never`: they wait for it. `ask`: they wait until somebody says that
 * others shall be deployed. `after`: others are deployed once the host has been lost for so long.
 */
export type Replacement = { readonly mode: 'never' } | { readonly mode: 'ask' } | { readonly mode: 'after'; readonly afterMs: number };

/** Nodes that run one release under one set of policies. Each change of its specification is a new generation. */
export interface Family extends StoredObject {
  readonly spec: FamilySpec;
  /** Of the generation that it is at; not there for the first one. */
  readonly origin?: RevisionOrigin;
  /** The Erlang cookie, sealed under the family's id. */
  readonly sealedCookie: string;
  readonly cluster: ClusterState;
  /** A policy, not a part of what nodes run: changing it makes no revision. Not there: never. */
  readonly replacement?: Replacement;
}

/** An earlier specification: the last few are kept, and those that nodes run. Its id is `<family id>/<generation>`. Never changed. */
export interface FamilyRevision extends StoredObject {
  readonly familyId: string;
  readonly spec: FamilySpec;
  readonly origin?: RevisionOrigin;
  /** Nodes ran it, with its release, when the next one was made. */
  readonly hadNodes?: boolean;
}

/** Provider + image + hardware profile that nodes of a family may be placed on. */
export interface Domain extends StoredObject {
  readonly familyId: string;
  readonly providerId: string;
  readonly image: string;
  readonly hardwareProfile: string;
  readonly region: string;
  readonly zone: string;
  readonly labels: Attributes;
  readonly nodesPerHost: number;
  /** 0: no limit. */
  readonly maxHosts: number;
  readonly priority: number;
  readonly weight: number;
}
