import { existsSync, renameSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fillSecretMarks, WombatError } from '@wombat/proto';
import type { RenderedFile } from '@wombat/proto/agent';
import { giveDirectory, giveTree, removeOwnedTree } from '../accounts/owned-tree.js';
import { allowPassing, type RunAs } from '../accounts/run-as.js';
import { NodeLogs } from '../logs/node-logs.js';
import type { ReleaseStore } from '../releases/release-store.js';
import { fillPaths, type NodeContext } from './node-context.js';
import type { NodePaths } from './node-paths.js';
import { rootKey } from './node-record.js';

const known: ReadonlySet<string> = new Set(['root', 'home', 'data', 'logs', 'run']);

/**
 * Makes the directories of a node that hold no part of its release. Another user than the agent's
 * gets home and data; what the agent writes itself lies where that user cannot put anything.
 * @throws WombatError WO_RUN_AS_REFUSED
 */
export async function makeDirectories(paths: NodePaths, owner: RunAs | undefined): Promise<void> {
  for (const directory of [paths.base, paths.home, paths.data, paths.logs, paths.run]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
  if (!owner) return;
  for (const directory of [paths.base, join(paths.base, '..')]) await allowPassing(directory);
  for (const directory of [paths.home, paths.data]) await giveDirectory(directory, owner);
}

/**
 * Makes the node's root, unless there is one made for the same key. Answers the key.
 * @throws WombatError of the release store, or WO_TEMPLATE_INVALID
 */
export async function ensureRoot(context: NodeContext, owner: RunAs | undefined, releases: ReleaseStore, existingKey: string | undefined, signal: AbortSignal): Promise<string> {
  const { spec, paths } = context;
  if (!spec.artifact) throw new WombatError('WO_NODE_START_FAILED', `no release is named for ${spec.name}`);
  const files = fillFiles(context);
  const key = rootKey(spec.artifact.sha256, files, spec.limits?.runAs);
  if (key === existingKey && existsSync(paths.root)) return key;
  await discard(paths.root);
  await releases.makeRoot({ artifact: spec.artifact, rootDirectory: paths.root, files }, signal);
  if (owner) await giveTree(paths.root, owner);
  return key;
}

/** Removes what an agent that was killed left half done. */
export async function removeLeftovers(paths: NodePaths): Promise<void> {
  const names = await readdir(paths.base).catch(() => [] as string[]);
  for (const name of names.filter((entry) => !known.has(entry))) await removeOwnedTree(join(paths.base, name));
}

/** Removes a node; its logs stay for a day, its data when asked to. */
export async function removeNode(paths: NodePaths, keepData: boolean, nowMs: number): Promise<void> {
  await removeLeftovers(paths);
  if (existsSync(paths.logs)) await keepLogs(paths, keepData, nowMs);
  await discard(paths.root);
  const isDataKept = keepData && (await readdir(paths.data).catch(() => [])).length > 0;
  await removeOwnedTree(paths.home);
  if (!isDataKept) {
    await removeOwnedTree(paths.data);
    return rm(paths.base, { recursive: true, force: true });
  }
  await rm(paths.run, { recursive: true, force: true });
}

async function keepLogs(paths: NodePaths, keepData: boolean, nowMs: number): Promise<void> {
  await mkdir(join(paths.removedLogs, '..'), { recursive: true, mode: 0o700 });
  await rm(paths.removedLogs, { recursive: true, force: true });
  // In one go: whoever looks at the logs meanwhile would find that the files have gone, and write that down.
  NodeLogs.of(paths).preserve(nowMs, keepData);
  renameSync(paths.logs, paths.removedLogs);
}

/** Renamed first, so that a root is there whole or not at all. */
async function discard(root: string): Promise<void> {
  if (!existsSync(root)) return;
  const aside = `${root}.old`;
  await removeOwnedTree(aside);
  await rename(root, aside);
  await removeOwnedTree(aside);
}

/** Fills in what only the host knows: `{{secret:NAME}}` and `{{path:...}}`. */
export function fillFiles(context: NodeContext): RenderedFile[] {
  const secrets = new Map(context.spec.secrets.map(({ name, value }) => [name, Buffer.from(value).toString('latin1')]));
  return context.spec.files.map((file) => {
    // Byte for byte: neither files nor secrets need be text. Paths first, so that no secret is read as one.
    const bytes = Buffer.from(file.content).toString('latin1');
    const placed = bytes.replace(/\{\{path:\w+\}\}/g, (marker) => Buffer.from(fillPaths(marker, context)).toString('latin1'));
    const text = fillSecretMarks(placed, (name) => {
      const value = secrets.get(name);
      if (value === undefined) throw new WombatError('WO_TEMPLATE_INVALID', `${file.path} refers to a secret that was not given: ${name.slice(0, 64)}`);
      return value;
    });
    return { ...file, content: Buffer.from(text, 'latin1') };
  });
}
