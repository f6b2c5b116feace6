import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const setup = fileURLToPath(new URL('../../../../scripts/setup-moto', import.meta.url));

// It ends with whoever holds its standard input: none is left of a test that was killed.
const program = `
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
`;

const environment = {
  // Images, key pairs and instance types that are not there are refused, as EC2 does.
  MOTO_ENABLE_AMI_VALIDATION: 'true', MOTO_ENABLE_KEYPAIR_VALIDATION: 'true', MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: 'true',
  PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1',
};

/** Why tests with moto cannot run here, for `skip`. */
export function withoutMoto(): string | false {
  try {
    python();
    return false;
  } catch {
    return 'moto is not installed (scripts/setup-moto)';
  }
}

/** An EC2 server of its own for the test, on a free port. */
export async function startMoto(t: Test): Promise<{ readonly endpoint: string }> {
  const child = spawn(python(), ['-c', program], { stdio: ['pipe', 'ignore', 'pipe'], env: { ...environment, PATH: process.env['PATH'], HOME: process.env['HOME'] } });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const endpoint = await Promise.race([
    new Promise<string>((resolve) => {
      createInterface(child.stderr).on('line', (line) => {
        const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (found) resolve(found);
      });
    }),
    ended.then(([code]) => Promise.reject(new Error(`moto has ended with ${String(code)} at its start`))),
  ]);
  return { endpoint };
}

function python(): string {
  return execFileSync(setup, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}
