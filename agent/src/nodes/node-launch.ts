import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { durationToMs } from '@wombat/proto';
import { RunMode } from '@wombat/proto/agent';
import { writeCookie } from '../erlang/cookie.js';
import { crashDumpEnvironment } from '../erlang/crash-dump.js';
import type { EpmdSource } from '../erlang/epmd.js';
import type { RunningProcess } from '../processes/running-process.js';
import type { ChildLimits } from '../processes/shim.js';
import { resolveArgv } from './node-action.js';
import { nodeEnvironment, ownerOf, type NodeContext } from './node-context.js';
import { ensureRoot, fillFiles, makeDirectories } from './node-files.js';
import { stderrLog, stdoutLog, type NodePaths } from './node-paths.js';
import { rootKey, type StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { checkPorts } from './port-check.js';

/** Whether a start needs the release: not when the root that is there was made from the same. */
export function isRootCurrent(context: NodeContext, existingKey: string | undefined): boolean {
  const artifact = context.spec.artifact;
  return artifact !== undefined && existsSync(context.paths.root) && existingKey === rootKey(artifact.sha256, fillFiles(context), context.spec.limits?.runAs);
}

/** Everything between the release and the start. Answers the key of the root. */
export async function configure(context: NodeContext, existingKey: string | undefined, services: NodeServices, signal: AbortSignal): Promise<string> {
  const { spec, paths } = context;
  const owner = ownerOf(context);
  await makeDirectories(paths, owner);
  const key = await ensureRoot(context, owner, services.releases, existingKey, signal);
  if (spec.erlang) {
    await writeCookie(paths.home, spec.erlang.cookie, owner);
    if (spec.erlang.epmdPort) await services.epmd.ensure(spec.erlang.epmdPort, epmdSource(context, services));
  }
  await checkPorts(spec);
  return key;
}

/** What an epmd would be started from. */
export function epmdSource(context: NodeContext, { releases }: Pick<NodeServices, 'releases'>): EpmdSource {
  const { artifact } = context.spec;
  return { treeDirectory: artifact ? releases.treeDirectory(artifact) : context.paths.root, runAs: () => ownerOf(context) };
}

/** @throws WombatError WO_NODE_START_FAILED */
export async function launch(context: NodeContext, start: StartRecord, services: NodeServices): Promise<RunningProcess> {
  const { spec, paths } = context;
  // What the family says of dumps goes before.
  const environment = { ...crashDumpEnvironment(paths.home), ...nodeEnvironment(context) };
  return services.runner.spawn({
    startId: start.startId,
    recordPrefix: recordPrefix(paths, start.startId),
    argv: resolveArgv(spec.run?.start ?? [], context, environment),
    workingDirectory: paths.root,
    environment,
    stdoutFile: stdoutLog(paths),
    stderrFile: stderrLog(paths),
    limits: childLimits(context, services),
    runAs: ownerOf(context),
  });
}

export function recordPrefix(paths: NodePaths, startId: string): string {
  return join(paths.run, startId);
}

export function isDaemon(context: NodeContext): boolean {
  return context.spec.run?.mode === RunMode.DAEMON;
}

/** How long the node may take to become ready. */
export function readyTimeoutMs(context: NodeContext): number {
  return durationToMs(context.spec.run?.readyTimeout) ?? 60_000;
}

function childLimits({ spec, nodeId }: NodeContext, { memoryGroups, log }: NodeServices): ChildLimits {
  const { openFiles = 0n, processes = 0n, nice = 0, memoryBytes = 0n } = spec.limits ?? {};
  const groupFile = memoryBytes > 0n ? memoryGroups.make(nodeId, Number(memoryBytes)) : undefined;
  if (memoryBytes > 0n && !groupFile) log.warn({ nodeId, memoryBytes: String(memoryBytes) }, 'this host has no control groups, so the memory limit of the node is not held');
  return { openFiles: Number(openFiles), processes: Number(processes), nice, ...(groupFile ? { groupFile } : {}) };
}
