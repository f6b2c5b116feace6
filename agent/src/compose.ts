// tsyringe does not load without it.
import 'reflect-metadata';
import { join } from 'node:path';
import { container as root, instanceCachingFactory, type DependencyContainer } from 'tsyringe';
import { SteadyClock, systemClock, type BackoffOptions, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import { Agent } from './agent.js';
import type { AgentConfiguration } from './configuration/configuration.js';
import { HardwareProbe } from './facts/hardware-probe.js';
import { HostReporter } from './facts/host-reporter.js';
import { Sampler } from './facts/sampler.js';
import { helperArguments } from './helper-process.js';
import { Enrolment } from './identity/enrolment.js';
import { IdentityFiles } from './identity/identity-files.js';
import { IdentityKeeper } from './identity/identity-keeper.js';
import { requestByProcess } from './identity/request-process.js';
import { AgentCore } from './nodes/agent-core.js';
import { ChildUnpacker } from './releases/child-unpacker.js';
import { FileReleaseStore } from './releases/file-release-store.js';
import { inProcessUnpacker, SizedUnpacker } from './releases/unpacker.js';
import type { ArtifactSource } from './session/handlers.js';
import { CoordinatorArtifactSource } from './session/coordinator-artifact-source.js';
import { CoordinatorLink } from './session/coordinator-link.js';
import { usualBackoff } from './session/patience.js';
import { Session } from './session/session.js';
import { ProgramVersions } from './update/program-versions.js';
import { SelfUpdate } from './update/self-update.js';

export interface Launched {
  readonly directory: string;
  /** Ends this agent in good order; the launcher starts it anew. */
  readonly end: () => void;
}

/** What the agent is made for: all that comes from outside the process. */
export interface Surroundings {
  readonly configuration: AgentConfiguration;
  readonly log: Logger;
  /** Changes when the machine boots. */
  readonly bootId: string;
  /** This program, for what it has done by another process of itself: see helper-process.ts. */
  readonly program: readonly [string, ...string[]];
  /** Where bin/wombat-agent-launch has started this agent, which may update itself then. */
  readonly launched?: Launched | undefined;
  /** The clock of the machine, by which certificates are judged. @default systemClock */
  readonly clock?: Clock;
  /** @default a new SteadyClock */
  readonly steadyClock?: Clock;
  /** Between two tries to have a session. @default usualBackoff */
  readonly backoff?: BackoffOptions;
}

/** The agent's parts, from top to bottom. Nothing else in the agent knows which class stands behind a port. */
export function compose({ configuration, log, bootId, program, launched, clock = systemClock, steadyClock = new SteadyClock(), backoff = usualBackoff }: Surroundings): Agent {
  const { directory, coordinator, joinTokenFile: tokenFile, address, labels } = configuration;
  const makeRequest = requestByProcess([...program, helperArguments.request]);
  const container = root.createChildContainer();
  const part = <Part>(token: new (...args: never[]) => Part, make: (c: DependencyContainer) => Part): void => {
    container.register<Part>(token as never, { useFactory: instanceCachingFactory(make) });
  };

  // Who this host is
  part(IdentityFiles, () => new IdentityFiles(directory));
  part(Enrolment, (c) => new Enrolment({ files: c.resolve(IdentityFiles), makeRequest, coordinator, tokenFile, clock, log }));
  part(IdentityKeeper, (c) => new IdentityKeeper({ enrolment: c.resolve(Enrolment), files: c.resolve(IdentityFiles), makeRequest, coordinator, clock, log }));

  // What this host is
  part(HardwareProbe, () => new HardwareProbe({ directory, bootId, command: [...program, helperArguments.hardware], clock, log }));
  part(Sampler, () => new Sampler({ directory }));
  part(HostReporter, (c) => new HostReporter({ address, labels }, c.resolve(Sampler), c.resolve(HardwareProbe)));

  // The way to the coordinator
  part(CoordinatorLink, (c) => new CoordinatorLink(coordinator, c.resolve(IdentityKeeper)));
  part(CoordinatorArtifactSource, (c) => new CoordinatorArtifactSource(c.resolve(CoordinatorLink)));

  // What runs on this host. Made when the identity is there, for it bears the host's id
  part(FileReleaseStore, (c) => new FileReleaseStore({
    directory: join(directory, 'releases'),
    source: c.resolve(CoordinatorArtifactSource),
    unpacker: new SizedUnpacker(inProcessUnpacker, new ChildUnpacker(program)),
  }));
  part(AgentCore, (c) => new AgentCore({
    directory,
    hostId: c.resolve(IdentityKeeper).current().hostId,
    releases: c.resolve(FileReleaseStore),
    artifacts: c.resolve(CoordinatorArtifactSource),
    execPolicyFile: configuration.execPolicyFile,
    execQueue: configuration.execQueue,
    epmd: { directory: configuration.epmdDirectory, addresses: configuration.epmdAddresses },
    // What waits there must not wait longer or shorter because somebody sets the machine's clock.
    bootId, clock: steadyClock, log,
  }));

  const versions = launched && ProgramVersions.open(launched.directory);
  if (launched && !versions) log.warn({ directory: launched.directory }, 'this agent cannot be updated: what it runs from is no version of the directory');
  const updates = (source: ArtifactSource): SelfUpdate | undefined => launched && versions && new SelfUpdate({ ...launched, versions, source, unpacker: new ChildUnpacker(program), log });
  part(Session, (c) => new Session({
    updates: updates(c.resolve(CoordinatorArtifactSource)),
    link: c.resolve(CoordinatorLink),
    keeper: c.resolve(IdentityKeeper),
    handlers: c.resolve(AgentCore),
    reporter: c.resolve(HostReporter),
    bootId, clock, log, backoff,
  }));
  part(Agent, (c) => new Agent({
    keeper: c.resolve(IdentityKeeper),
    reporter: c.resolve(HostReporter),
    nodes: () => c.resolve(AgentCore),
    session: () => c.resolve(Session),
    log,
  }));

  return container.resolve(Agent);
}
