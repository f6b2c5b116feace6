import { generateKeyPairSync } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { fromServiceError } from '@wombat/proto';
import { EnrolmentServiceService, EnrolRequest, type EnrolResponse } from '@wombat/proto/agent';
import { makeCertificateRequest } from '../../../agent/dist/identity/certificate-request.js';
import { coordinatorName } from './control-client.js';

/** What a machine makes for itself before it joins. */
export interface HostKey {
  readonly keyPem: string;
  readonly csr: Buffer;
}

/** A key with the certificate for it. */
export interface Certified {
  readonly keyPem: string;
  /** The leaf, then the authority. */
  readonly chainPem: string;
}

export async function newHostKey(): Promise<HostKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { keyPem, csr: Buffer.from(await makeCertificateRequest(keyPem)) };
}

/** A client of the agents' door, as a host when it has a certificate. */
export function agentsClient(address: string, authority: Buffer, certified?: Certified): Client {
  const context = createSecureContext({ ca: authority, minVersion: 'TLSv1.3', ...(certified && { cert: certified.chainPem, key: certified.keyPem }) });
  return new Client(address, credentials.createFromSecureContext(context), {
    'grpc.ssl_target_name_override': coordinatorName(authority), 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0,
  });
}

/** One call of Enrol over a connection of its own. @throws WombatError as the coordinator said it */
export async function enrol(address: string, authority: Buffer, token: string, { csr }: HostKey): Promise<EnrolResponse> {
  const client = agentsClient(address, authority);
  const { path, requestSerialize, responseDeserialize } = EnrolmentServiceService.enrol;
  const request = EnrolRequest.fromPartial({ token, csr, agentVersion: '0.1.0', agentTime: new Date() });
  try {
    return await new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: EnrolResponse): void => (error ? reject(fromServiceError(error)) : resolve(answer!));
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), { deadline: Date.now() + 20_000 }, done);
    });
  } finally {
    client.close();
  }
}

/** Joins as a new host, as an agent would. */
export async function joinAsHost(address: string, authority: Buffer, token: string): Promise<Certified & { readonly hostId: string }> {
  const key = await newHostKey();
  const { hostId, certificate } = await enrol(address, authority, token, key);
  return { hostId, keyPem: key.keyPem, chainPem: certificate?.certificateChain ?? '' };
}
