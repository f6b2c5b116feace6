import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import type { SecureContext } from 'node:tls';

/** Credentials of one connection. `onReached` is called when the other end has accepted it, before either end has proved who it is. */
export function reachedCredentials(context: SecureContext, onReached: () => void): ChannelCredentials {
  const made = credentials.createFromSecureContext(context);
  const createConnector = made._createSecureConnector.bind(made);
  made._createSecureConnector = (...of) => {
    const connector = createConnector(...of);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      onReached();
      return connect(socket);
    };
    return connector;
  };
  return made;
}
