// tsyringe does not load without it.
import 'reflect-metadata';
import path from 'node:path';
import { container as root, instanceCachingFactory, type DependencyContainer } from 'tsyringe';
import { randomIds, wombatVersion } from '@wombat/proto';
import type { Logger } from 'pino';
import { ControlListener } from './api/doors/control-listener.js';
import { AgentsListener } from './api/doors/agents-listener.js';
import { consoleService } from './api/control/console/console-service.js';
import { eventService } from './api/control/event-service.js';
import { familyService } from './api/control/family-service.js';
import { hostService } from './api/control/host-service.js';
import { fileService } from './api/control/files/file-service.js';
import { jobApiService } from './api/control/job-service.js';
import { nodeService } from './api/control/node-service.js';
import { operatorService } from './api/control/operator-service.js';
import { operationService } from './api/control/operation-service.js';
import { PushedFiles } from './api/control/files/pushed-files.js';
import { providerService } from './api/control/provider-service.js';
import { releaseService } from './api/control/release-service.js';
import { strayService } from './api/control/stray-service.js';
import { systemService } from './api/control/system-service.js';
import { tokenService } from './api/control/token-service.js';
import { HealthService } from './api/health/health-service.js';
import { serviceNames } from './api/control/service-names.js';
import { HttpListener } from './api/http/http-listener.js';
import { RequestReplay } from './api/replay/request-replay.js';
import { reflectionServices } from './api/reflection/reflection-service.js';
import { CertificateIndex } from './auth/certificate-index.js';
import { CertificateWatch } from './auth/certificate-watch.js';
import { HostIdentities } from './auth/host-identities.js';
import { LostCertificates } from './auth/lost-certificates.js';
import { MethodTable } from './auth/method-table.js';
import { OperatorGate } from './auth/operator-gate.js';
import { Operators } from './auth/operators.js';
import { TokenUses } from './auth/token-uses.js';
import { Backups } from './backup/create-backup.js';
import { besideAgent } from './configuration/beside-agent.js';
import type { Configuration } from './configuration/configuration.js';
import { Coordinator } from './coordinator.js';
import { ClockWatch } from './diagnosis/clock-watch.js';
import { Diagnosis } from './diagnosis/diagnosis.js';
import { AgentReports } from './engine/agent-reports.js';
import { AssignmentBuilder } from './engine/assignment-builder.js';
import { AssignmentController } from './engine/assignment-controller.js';
import { BootstrapController } from './engine/bootstrap/bootstrap-controller.js';
import { DrainController } from './engine/drain/drain-controller.js';
import { Engine } from './engine/engine.js';
import { ExecOutcomes } from './engine/exec-outcomes.js';
import { BoundedHistory } from './engine/bounded-history.js';
import { EventRetention } from './engine/event-retention.js';
import { HistoryRetention } from './engine/history-retention.js';
import { JobRetention } from './engine/job-retention.js';
import { Brakes } from './engine/healing/brakes.js';
import { FirewallController } from './engine/firewalls/firewall-controller.js';
import { HealingController } from './engine/healing/healing-controller.js';
import { HostController } from './engine/host-controller.js';
import { HostSilence } from './engine/host-silence.js';
import { JobService } from './engine/jobs/job-service.js';
import type { Family } from './domain/model/family.js';
import { joinsCluster } from './engine/bootstrap/joins-cluster.js';
import { Machines } from './engine/machines/machines.js';
import { Turns } from './engine/operations/turns.js';
import { StraySweep } from './engine/machines/stray-sweep.js';
import { OperationController } from './engine/operation-controller.js';
import { StepRunner } from './engine/step-runner.js';
import { AgentUpdateController } from './engine/agent-updates/agent-update-controller.js';
import { UpdateController } from './engine/update/update-controller.js';
import { AgentFleet } from './fleet/agent-fleet.js';
import { settingsFor } from './fleet/settings.js';
import { artifactService } from './fleet/services/artifact-service.js';
import { enrolmentService } from './fleet/services/enrolment-service.js';
import { sessionService } from './fleet/services/session-service.js';
import type { Grounds } from './grounds.js';
import { AgentArtifacts } from './installer/agent-artifacts.js';
import { AgentPackages } from './installer/agent-packages.js';
import { Installer } from './installer/installer.js';
import { AgentStarts } from './plugins/agent-starts.js';
import { ProviderInstances } from './plugins/provider-instances.js';
import { pluginList } from './plugins/plugin-list.js';
import { FileBlobStore } from './releases/file-blob-store.js';
import { ReleaseBlobs } from './releases/release-blobs.js';

/** The coordinator's parts, from top to bottom. Nothing else knows which class stands behind a port. */
export function compose(configuration: Configuration, grounds: Grounds, log: Logger): Coordinator {
  const { lock, clock, place, store, clusterId, secrets, authority, certificate, catalog } = grounds;
  const { directory } = configuration;
  const ids = randomIds;
  const container = root.createChildContainer();
  const part = <Part>(token: new (...args: never[]) => Part, make: (c: DependencyContainer) => Part): void => {
    container.register<Part>(token as never, { useFactory: instanceCachingFactory(make) });
  };

  // Who may come in
  part(MethodTable, () => new MethodTable());
  part(CertificateIndex, () => new CertificateIndex(store, clock, configuration.certificates.renewalGraceMs));
  part(CertificateWatch, (c) => new CertificateWatch({ store, index: c.resolve(CertificateIndex), clock, onError: (error) => log.warn({ err: error }, 'certificates that near their end could not be told') }));
  part(HostIdentities, (c) => new HostIdentities({
    store, authority, index: c.resolve(CertificateIndex), clock, ids, onUntold: (error) => log.error({ err: error }, 'the refusal of a join token could not be recorded'),
  }));
  part(LostCertificates, () => new LostCertificates({ store, clock, clusterId }));
  part(Operators, () => new Operators({ store, clock, ids, directory }));
  part(TokenUses, () => new TokenUses(store, clock, (error) => log.warn({ err: error }, 'the last uses of tokens could not be written')));
  part(OperatorGate, (c) => new OperatorGate({ operators: c.resolve(Operators), uses: c.resolve(TokenUses), clock, calls: { perSecond: configuration.limits.callsPerSecond, burst: 2 * configuration.limits.callsPerSecond } }));

  // Where releases are
  part(FileBlobStore, () => new FileBlobStore(path.join(directory, 'blobs')));
  part(ReleaseBlobs, (c) => new ReleaseBlobs({ store, clock, blobs: c.resolve(FileBlobStore) }));
  part(PushedFiles, (c) => new PushedFiles({ blobs: c.resolve(FileBlobStore), releaseBlobs: c.resolve(ReleaseBlobs), maximumBytes: configuration.files.maximumBytes }));

  // Where hosts come from
  part(AgentPackages, () => new AgentPackages(configuration.agent.packages));
  part(Installer, (c) => new Installer({
    packages: c.resolve(AgentPackages), scriptFile: besideAgent('install/install.sh'),
    coordinator: () => c.resolve(Coordinator).addresses.agents,
    url: () => `${configuration.http.tls ? 'https' : 'http'}://${c.resolve(Coordinator).addresses.http}`,
    ...(configuration.http.tls ? { authorityPem: () => authority.trustedPem } : {}),
  }));
  part(AgentStarts, (c) => new AgentStarts({
    store, issuer: c.resolve(HostIdentities), command: configuration.agent.command, coordinator: () => c.resolve(Coordinator).addresses.agents, packages: c.resolve(AgentPackages), installer: c.resolve(Installer),
  }));
  catalog.onBreak = ({ plugin, subjectId, message }) => void store.transaction((transaction) => transaction.events.append({
    type: 'plugin.stopped', subjectId, subjectName: plugin, reason: 'crashes', message: `plugin ${plugin}: ${message}`,
  })).catch((error: unknown) => log.warn({ plugin, err: error }, 'the end of a plugin could not be told'));
  part(ProviderInstances, (c) => new ProviderInstances({
    catalog,
    clusterId,
    dataDirectory: path.join(directory, 'providers'),
    openSecrets: (provider) =>
      Object.fromEntries(Object.entries(provider.sealedSecrets).map(([name, sealed]) => [name, secrets.open(provider.id, sealed).toString()])),
    sources: c.resolve(AgentStarts).sources(log),
  }));

  // The agents that are connected, and what becomes of their words
  part(AgentFleet, (c) => new AgentFleet({ listener: c.resolve(AgentReports), clock, log, ids, settings: settingsFor(configuration.hosts.silentAfterMs) }));
  part(ExecOutcomes, (c) => new ExecOutcomes(c.resolve(StepRunner), c.resolve(JobService)));
  part(BoundedHistory, () => new BoundedHistory({ store, clock, log }));
  part(AgentReports, (c) => new AgentReports({
    store, clock, strategies: catalog, history: c.resolve(BoundedHistory),
    fullSync: (hostId) => c.resolve(AssignmentController).fullSync(hostId),
    outcomes: (hostId, outcomes) => c.resolve(ExecOutcomes).take(hostId, outcomes),
    progress: (hostId, progress) => c.resolve(JobService).live.tell(hostId, progress),
    silent: (hostId, reason, unheardMs) => {
      c.resolve(HostSilence).fellSilent(hostId, reason, unheardMs);
      c.resolve(Engine).silent(hostId);
    },
    connected: (hostId) => {
      c.resolve(HostSilence).spoke(hostId);
      c.resolve(Engine).connected(hostId);
      void c.resolve(JobService).resend(hostId).catch((error: unknown) => log.warn({ hostId, err: error }, 'jobs could not be sent again'));
    },
  }));

  // What drives the stored state towards what is wanted
  part(AssignmentBuilder, () => new AssignmentBuilder({ store, clock, secrets, strategies: catalog }));
  part(AssignmentController, (c) => new AssignmentController({ store, fleet: c.resolve(AgentFleet), builder: c.resolve(AssignmentBuilder) }));
  part(HostSilence, (c) => new HostSilence({
    store, clock, fleet: c.resolve(AgentFleet), history: c.resolve(BoundedHistory), startGraceMs: configuration.hosts.startGraceMs, awakeMs: () => c.resolve(AgentFleet).awakeMs,
  }));
  part(Brakes, () => new Brakes(store, clock));
  const abilitiesOf = (driver: string) => catalog.providers().find(({ description }) => description.name === driver)?.abilities;
  const enforcesFirewall = (driver: string): boolean => abilitiesOf(driver)?.firewall ?? false;
  part(FirewallController, (c) => new FirewallController({ store, clock, machines: c.resolve(Machines), enforcesFirewall, compareEveryMs: configuration.gc.sweepEveryMs }));
  part(HealingController, (c) => new HealingController({
    store, clock, ids, enforcesFirewall, strategies: catalog, brakes: c.resolve(Brakes), lostAfterMs: configuration.hosts.lostAfterMs, startGraceMs: configuration.hosts.startGraceMs,
    awakeMs: () => c.resolve(AgentFleet).awakeMs,
  }));
  part(Machines, (c) => new Machines({
    store, clock, log, clusterId, fleet: c.resolve(AgentFleet), providers: c.resolve(ProviderInstances), revoker: c.resolve(HostIdentities),
    limits: configuration.providers, appearsWithinMs: configuration.providers.appearWithinMs,
    firewallReady: (providerId, familyId, signal) => c.resolve(FirewallController).ready(providerId, familyId, signal),
  }));
  part(StraySweep, (c) => new StraySweep({
    store, clock, ids, log, fleet: c.resolve(AgentFleet), machines: c.resolve(Machines), appearsWithinMs: configuration.providers.appearWithinMs,
    everyMs: configuration.gc.sweepEveryMs, removeAfterMs: configuration.gc.automatic ? configuration.gc.removeAfterMs : 0,
  }));
  part(HostController, (c) => new HostController({
    store, clock, machines: c.resolve(Machines), silence: c.resolve(HostSilence), enrolTimeoutMs: configuration.hosts.enrolTimeoutMs, idleTtlMs: configuration.hosts.idleTtlMs,
  }));
  part(StepRunner, (c) => new StepRunner({ fleet: c.resolve(AgentFleet), clock, ids }));
  part(BootstrapController, (c) => new BootstrapController({ store, clock, strategies: catalog, steps: c.resolve(StepRunner), history: c.resolve(BoundedHistory) }));
  part(DrainController, (c) => new DrainController({
    store, clock, strategies: catalog, steps: c.resolve(StepRunner), renderings: c.resolve(AssignmentBuilder), history: c.resolve(BoundedHistory),
  }));
  const operations = {
    clock, ids, enforcesFirewall, joins: (family: Family) => joinsCluster(catalog, family), maxNodesPerOperation: configuration.limits.maxNodesPerOperation,
    keepRevisions: configuration.families.keepRevisions,
  };
  part(Turns, () => new Turns(store, operations));
  part(OperationController, (c) => new OperationController(store, clock, c.resolve(Turns)));
  part(UpdateController, () => new UpdateController({ store, clock, strategies: catalog }));
  part(AgentUpdateController, (c) => new AgentUpdateController({ store, clock, fleet: c.resolve(AgentFleet) }));
  part(JobService, (c) => new JobService({
    store, fleet: c.resolve(AgentFleet), clock, ids, secrets, log, gathersHosts: () => c.resolve(AgentFleet).awakeMs < configuration.hosts.startGraceMs,
  }));
  part(HistoryRetention, () => new HistoryRetention({ store, clock, log, keepMs: configuration.history.keepMs, renewalGraceMs: configuration.certificates.renewalGraceMs }));
  part(JobRetention, () => new JobRetention({ store, clock, log, keepMs: configuration.history.keepMs, keepBytes: configuration.history.jobBytes }));
  part(EventRetention, () => new EventRetention({ store, clock, log, keep: configuration.events.keep }));
  part(Engine, (c) => new Engine({
    store, clock, log,
    hosts: c.resolve(HostController),
    machines: c.resolve(Machines),
    assignments: c.resolve(AssignmentController),
    bootstrap: c.resolve(BootstrapController),
    drains: c.resolve(DrainController),
    operations: c.resolve(OperationController),
    updates: c.resolve(UpdateController),
    agentUpdates: c.resolve(AgentUpdateController),
    jobs: c.resolve(JobService),
    healing: c.resolve(HealingController),
    brakes: c.resolve(Brakes),
    firewalls: c.resolve(FirewallController),
    retention: [c.resolve(StraySweep), c.resolve(BoundedHistory), c.resolve(EventRetention), c.resolve(HistoryRetention), c.resolve(JobRetention)],
  }));

  // How it is kept safe and well
  part(Backups, () => new Backups({ directory, place, clusterId, clock, configurationFile: grounds.configurationFile }));
  part(ClockWatch, () => new ClockWatch({ store, clock, onError: (error) => log.warn({ err: error }, 'a step of the clock could not be told') }));
  part(Diagnosis, (c) => new Diagnosis({
    directory, store, clock, authority, fleet: c.resolve(AgentFleet), place,
    installs: {
      areOf: (driver) => (abilitiesOf(driver)?.maxInstallPayloadBytes ?? 0) > 0,
      packages: c.resolve(AgentPackages), addresses: () => c.resolve(Coordinator).addresses,
    },
    certificate: () => certificate.current, plugins: () => pluginList(catalog).map(({ description }) => description?.name ?? ''),
  }));

  // What is asked for, and by whom
  part(RequestReplay, () => new RequestReplay({ store, clock, secrets }));
  const controlServices = once((c: DependencyContainer) => controlHandlers(c).map((service) => c.resolve(RequestReplay).protect(service)));
  const controlHandlers = (c: DependencyContainer) => [
    providerService({ store, clock, ids, secrets, drivers: catalog, directory: c.resolve(ProviderInstances) }),
    releaseService({ store, ids, blobs: c.resolve(FileBlobStore), releaseBlobs: c.resolve(ReleaseBlobs) }),
    familyService({ store, clock, ids, secrets, strategies: catalog, directory: c.resolve(ProviderInstances), drivers: catalog, fleet: c.resolve(AgentFleet), operations }),
    nodeService({ store, clock, ids, fleet: c.resolve(AgentFleet), operations, assignments: c.resolve(AssignmentBuilder) }),
    hostService({ store, clock, ids, fleet: c.resolve(AgentFleet), identities: c.resolve(HostIdentities), packages: c.resolve(AgentPackages), operations }),
    operationService({ store, operations }),
    eventService({ store }),
    jobApiService({ store, jobs: c.resolve(JobService), files: c.resolve(PushedFiles) }),
    fileService({ store, clock, fleet: c.resolve(AgentFleet), maximumBytes: configuration.files.maximumBytes, files: c.resolve(PushedFiles) }),
    consoleService({ store, clock, ids, log, fleet: c.resolve(AgentFleet), bounds: configuration.consoles, renderings: c.resolve(AssignmentBuilder) }),
    operatorService({ store, clock, operators: c.resolve(Operators), uses: c.resolve(TokenUses) }),
    tokenService({ store, clock, ids, issuer: c.resolve(HostIdentities), agentsAddress: () => c.resolve(Coordinator).addresses.agents, installer: c.resolve(Installer) }),
    strayService({ store, clock, sweep: c.resolve(StraySweep) }),
    systemService({ clusterId, clock, fleet: c.resolve(AgentFleet), plugins: () => pluginList(catalog), backups: c.resolve(Backups), diagnosis: c.resolve(Diagnosis) }),
  ];
  const agentServices = (c: DependencyContainer) => [
    enrolmentService(c.resolve(HostIdentities), clusterId),
    sessionService(c.resolve(AgentFleet)),
    artifactService(new AgentArtifacts(c.resolve(AgentPackages), { open: (sha256, offset, signal) => c.resolve(FileBlobStore).get(sha256, offset, signal) })),
  ];
  const libraryServices = (c: DependencyContainer) => [...c.resolve(HealthService).services, ...reflectionServices(serviceNames)];
  part(HealthService, () => new HealthService(serviceNames));
  part(ControlListener, (c) => new ControlListener({
    services: controlServices(c),
    libraryServices: libraryServices(c),
    table: c.resolve(MethodTable), operators: c.resolve(Operators), gate: c.resolve(OperatorGate), certificate, log,
    maximumCallsOfOneToken: configuration.limits.callsAtOnce,
  }));
  part(HttpListener, (c) => new HttpListener({
    services: controlServices(c), table: c.resolve(MethodTable), operators: c.resolve(Operators), gate: c.resolve(OperatorGate), log,
    maximumCallsOfOneToken: configuration.limits.callsAtOnce, isServing: () => c.resolve(Coordinator).isServing,
    installer: { installer: c.resolve(Installer), packages: c.resolve(AgentPackages) },
    ...(configuration.http.tls ? { certificate } : {}),
  }));
  part(AgentsListener, (c) => new AgentsListener({
    services: agentServices(c), table: c.resolve(MethodTable), authority, index: c.resolve(CertificateIndex), certificate, log,
    onUnknown: (der, peer) => void c.resolve(LostCertificates).recover(der, peer).catch((error: unknown) => log.warn({ peer, err: error }, 'a certificate could not be looked up')),
  }));

  part(Coordinator, (c) => new Coordinator({
    configuration, lock, store, log, version: wombatVersion,
    certificate,
    index: c.resolve(CertificateIndex),
    watches: [c.resolve(CertificateWatch), c.resolve(ClockWatch)],
    operators: c.resolve(Operators),
    uses: c.resolve(TokenUses),
    providers: c.resolve(ProviderInstances),
    catalog,
    backups: c.resolve(Backups),
    fleet: c.resolve(AgentFleet),
    engine: c.resolve(Engine),
    health: c.resolve(HealthService),
    control: c.resolve(ControlListener),
    agents: c.resolve(AgentsListener),
    http: c.resolve(HttpListener),
    checkMethods: () => c.resolve(MethodTable).assertComplete([...controlServices(c), ...agentServices(c), ...libraryServices(c)]),
  }));
  return container.resolve(Coordinator);
}

function once<A, T>(make: (argument: A) => T): (argument: A) => T {
  let made: { readonly value: T } | undefined;
  return (argument) => (made ??= { value: make(argument) }).value;
}
