import { readFileSync } from 'node:fs';
import { readHardware } from './facts/hardware.js';
import { makeCertificateRequest } from './identity/certificate-request.js';

/** Not for people: with these the program does one thing with a large library, prints it, and ends. */
export const helperArguments = { hardware: '--print-hardware', request: '--print-certificate-request' } as const;

/** Does what the arguments ask for; false when they are for the agent itself. */
export async function helped(args: readonly string[]): Promise<boolean> {
  switch (args.length === 1 && args[0]) {
    case helperArguments.hardware:
      process.stdout.write(JSON.stringify(await readHardware()));
      return true;
    case helperArguments.request:
      process.stdout.write(Buffer.from(await makeCertificateRequest(readFileSync(0, 'utf8'))).toString('base64'));
      return true;
    default:
      return false;
  }
}
