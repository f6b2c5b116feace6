// Makes a fleet whose agents can connect: hosts with one node each, and certificates signed with the coordinator's own
// authority. The rows are written into its store while it does not run, as enrolling over the wire takes longer.
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { openAuthority } from './authority.js';
import { writeLargeFleet } from './large-fleet.js';

/** Answers `{ hostId, keyPem, chainPem }` of each host. */
export async function enrolFleet({ repository, directory, familyId, releaseId, hosts }) {
  const { idNumber } = await import(join(repository, 'coordinator/dist/testing/counting-ids.js'));
  const authority = await openAuthority(repository, directory);
  const issued = [];
  for (let number = 1; number <= hosts; number += 1) issued.push(await issue(authority, idNumber('host', number)));
  const fingerprints = issued.map(({ fingerprint }) => fingerprint);
  await writeLargeFleet({ repository, directory, familyId, releaseId, hosts, nodes: hosts, events: 0, underWay: 0, fingerprints });
  return issued.map(({ hostId, keyPem, chainPem }) => ({ hostId, keyPem, chainPem }));
}

async function issue(authority, hostId) {
  const { privateKey, publicKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { hostId, keyPem, ...(await authority.issueHostCertificate(hostId, { publicKey, publicKeySha256: '' })) };
}
