import { execFile, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';

const run = promisify(execFile);
const programs = ['/bin/sh', '/bin/sleep', '/bin/rm', '/bin/cat', '/bin/ls'];

/** Says that it was asked, and keeps nothing running. */
const standIn = '#!/bin/sh\n[ "$1" != start ] || [ -f /tmp/said ] || { echo "the agent of $3 is started"; : >/tmp/said; }\n';

/** An image of a few megabytes: this machine's shell and libc, with a stand-in for what keeps an agent running. */
export async function importShellImage(docker: Docker, name: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'wombat-image-'));
  try {
    for (const path of [...programs, ...(await libraries())]) await copyInto(root, path);
    const service = join(root, 'opt/wombat-agent/bin/wombat-agent-service');
    await mkdir(dirname(service), { recursive: true });
    await mkdir(join(root, 'tmp'));
    await writeFile(service, standIn);
    await chmod(service, 0o755);
    await importDirectory(docker, name, root);
  } finally {
    await rm(root, { recursive: true });
  }
}

/** An image of all that is in a directory, but for what these patterns of tar exclude. */
export async function importDirectory(docker: Docker, name: string, directory: string, without: readonly string[] = []): Promise<void> {
  const [repo, tag] = name.split(':');
  const tar = spawn('tar', ['-C', directory, ...without.map((pattern) => `--exclude=${pattern}`), '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const answer = await docker.importImage(tar.stdout as unknown as string, { repo, tag });
  // It is through when the engine has said all.
  for await (const told of answer) if (String(told).includes('"error"')) throw new Error(String(told));
}

async function libraries(): Promise<string[]> {
  const { stdout } = await run('ldd', programs);
  return [...new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!))];
}

async function copyInto(root: string, path: string): Promise<void> {
  await mkdir(join(root, dirname(path)), { recursive: true });
  await copyFile(path, join(root, path));
}
