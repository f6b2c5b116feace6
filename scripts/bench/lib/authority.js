// The certificate authority of a coordinator, from its files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export async function openAuthority(repository, directory) {
  const { CertificateAuthority } = await import(join(repository, 'coordinator/dist/auth/certificate-authority.js'));
  const { coordinatorName } = await import(join(repository, 'test/dist/support/control-client.js'));
  const { systemClock } = await import(join(repository, 'proto/dist/clock.js'));
  const clusterId = coordinatorName(readFileSync(join(directory, 'ca/ca.crt'))).split('.')[1];
  return CertificateAuthority.load({ directory, clusterId, clock: systemClock });
}
