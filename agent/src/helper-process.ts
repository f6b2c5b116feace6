import { readFileSync } from 'node:fs';
import { readHardware } from './facts/hardware.js';
import { makeCertificateRequest } from './identity/certificate-request.js';
import { unpackCommand } from './releases/child-unpacker.js';
import { runUnpack } from './releases/run-unpack.js';

/** Not for people: with these the program does one thing with a large library, prints it, and ends. */
export const helperArguments = { hardware: '--print-hardware', request: '--print-certificate-request' } as const;

/** Does what the arguments ask for and answers the exit code; undefined when they are for the agent itself. */
export async function helped([argument, ...rest]: readonly string[]): Promise<number | undefined> {
  switch (argument) {
    case helperArguments.hardware:
      process.stdout.write(JSON.stringify(await readHardware()));
      return 0;
    case helperArguments.request:
      process.stdout.write(Buffer.from(await makeCertificateRequest(readFileSync(0, 'utf8'))).toString('base64'));
      return 0;
    case unpackCommand:
      return runUnpack(rest);
    default:
      return undefined;
  }
}
