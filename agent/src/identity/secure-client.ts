import { createSecureContext, type SecureContext } from 'node:tls';
import { Client, type ChannelOptions } from '@grpc/grpc-js';
import { limits, liveness } from '@wombat/proto';
import { formatCoordinatorAddress, type CoordinatorAddress } from './coordinator-address.js';
import { coordinatorName } from './identity.js';
import { reachedCredentials } from './reached-credentials.js';

/** What the other end is checked against, and what this end proves itself with. */
export interface ClientTrust {
  readonly clusterId: string;
  /** PEM of the CA certificates trusted. */
  readonly trustedCa: string;
  /** Left out for the one call that needs no certificate. */
  readonly certificateChain?: string;
  readonly privateKey?: string;
}

const options: ChannelOptions = {
  // How an agent notices a coordinator that is gone without a word; the coordinator judges the agent by its beats.
  'grpc.keepalive_time_ms': liveness.pingAfterMs,
  'grpc.keepalive_timeout_ms': liveness.pingAnswerMs,
  'grpc.max_receive_message_length': limits.grpcMessageBytes,
  'grpc.max_send_message_length': limits.grpcMessageBytes,
  // Each connection is one attempt: backoff is the session's to decide, never hidden in a shared pool.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A proxy variable in the environment must not redirect what carries a host's identity.
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
};

/**
 * A gRPC client over TLS 1.3 that accepts the coordinator by its name in the cluster, not by its
 * address. It connects at the first call; `close()` it after use. `onReached` is called when it has a TCP connection.
 */
export function secureClient(address: CoordinatorAddress, trust: ClientTrust, onReached: () => void = () => undefined): Client {
  return new Client(formatCoordinatorAddress(address), reachedCredentials(contextOf(trust), onReached), {
    ...options,
    'grpc.ssl_target_name_override': coordinatorName(trust.clusterId),
  });
}

/** To read certificates and key takes 1.6 ms, a third of what an agent spends on a connection: so it is done once for each. */
const contexts = new WeakMap<ClientTrust, SecureContext>();

function contextOf(trust: ClientTrust): SecureContext {
  const known = contexts.get(trust);
  if (known) return known;
  const context = createSecureContext({
    ca: trust.trustedCa,
    minVersion: 'TLSv1.3',
    ...(trust.certificateChain === undefined ? {} : { cert: trust.certificateChain, key: trust.privateKey }),
  });
  contexts.set(trust, context);
  return context;
}
