// A coordinator for benchmarks of the agent: the real one when it is built, else a stand-in that says so.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @returns what it is, its address for agents, a file with a join token, and how to stop it */
export async function startCoordinator(repository, directory) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const program = join(repository, 'coordinator/dist/main.js');
  return existsSync(program) ? startReal(program, directory) : startStandIn(repository, directory);
}

async function startStandIn(repository, directory) {
  const child = spawn(process.execPath, [join(repository, 'scripts/bench/lib/stand-in.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const { port, token } = JSON.parse(line.toString());
  const tokenFile = join(directory, 'join-token');
  writeFileSync(tokenFile, token, { mode: 0o600 });
  return { description: 'a stand-in (no coordinator is built)', address: `127.0.0.1:${port}`, tokenFile, stop: () => stop(child) };
}

async function startReal(program, directory) {
  const free = ['control', 'agents', 'http'].flatMap((door) => [`--${door}-address`, '127.0.0.1:0']);
  const child = spawn(process.execPath, [program, '--directory', directory, ...free, '--log-level', 'warn'], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    const addresses = await whenServing(directory, child);
    const tokenFile = join(directory, 'join-token');
    writeFileSync(tokenFile, await createJoinToken(directory, addresses.control), { mode: 0o600 });
    return { description: 'a real coordinator', address: addresses.agents, tokenFile, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function whenServing(directory, child) {
  const addressesFile = join(directory, 'addresses.json');
  for (let tries = 0; !existsSync(addressesFile); tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error('the coordinator does not start');
    await sleep(50);
  }
  return JSON.parse(readFileSync(addressesFile, 'utf8'));
}

async function createJoinToken(directory, address) {
  const { TokenServiceClient } = await import('@wombat/proto/control');
  const { credentials, Metadata } = await import('@grpc/grpc-js');
  const authority = readFileSync(join(directory, 'ca', 'ca.crt'));
  const client = new TokenServiceClient(address, credentials.createSsl(authority), { 'grpc.ssl_target_name_override': 'localhost' });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${readFileSync(join(directory, 'operator.token'), 'utf8').trim()}`);
  try {
    return await new Promise((resolve, reject) => {
      client.createJoinToken({ hostName: 'bench' }, metadata, (error, response) => (error ? reject(error) : resolve(response.token)));
    });
  } finally {
    client.close();
  }
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
