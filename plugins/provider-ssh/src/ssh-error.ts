import { ProviderError } from '@wombat/plugin-sdk';

/** What ssh2 fails with. */
interface SshError extends Error {
  readonly level?: string;
  readonly code?: string;
}

const sockets: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there', EHOSTUNREACH: 'there is no way to it', ENETUNREACH: 'there is no way to it', ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up', ETIMEDOUT: 'it does not answer',
};

const throttledMs = 5_000;

/** Why there is no connection to a machine. */
export function connectionError(who: string, user: string, error: SshError): ProviderError {
  const { level, code = '', message } = error;
  if (level === 'client-authentication') return ProviderError.auth(`${who}: it does not let ${user} in with this key`, error);
  if (level === 'agent') return ProviderError.auth(`${who}: the ssh-agent does not answer`, error);
  if (level === 'client-timeout') return ProviderError.unavailable(`${who}: it does not answer`, error);
  if (/no matching host key format|unsupported algorithm/i.test(message)) return ProviderError.auth(`${who}: it has no host key of the kind that is pinned, or it is none that can be checked`, error);
  // Whom it turns away when too many ask at once, or too often, it does not greet; and what it says of that may be lost with the connection.
  if (code === 'ECONNRESET' || /before handshake|not allowed at this time|exceeded maxstartups/i.test(message)) return ProviderError.throttled(`${who}: it takes no more connections now`, throttledMs, error);
  return ProviderError.unavailable(`${who}: ${sockets[code] ?? readable(message)}`, error);
}

/** One line that starts in lower case and has no period at its end. */
function readable(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim().slice(0, 200).replace(/\.$/, '');
  return /^[A-Z][a-z ]/.test(line) ? line[0]!.toLowerCase() + line.slice(1) : line;
}
