import { ProviderError } from '@wombat/plugin-sdk';
import { retryPullAfterMs } from './limits.js';

/** What dockerode throws: of the engine, or of Node when it came to no answer. */
interface EngineError {
  readonly message?: string;
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | null;
  readonly code?: string;
}

type Make = (text: string, cause: Error) => ProviderError;

/** By what the engine says. The first that fits. */
const sayings: readonly (readonly [RegExp, Make])[] = [
  [/toomanyrequests|rate limit/i, (text, cause) => ProviderError.throttled(text, retryPullAfterMs, cause)],
  [/no space left|cannot allocate memory|no available ipv?4? ?addresses|could not find an available/i, ProviderError.capacity],
  [/no such image|pull access denied|manifest|repository .* not found|invalid reference format|does not match the (?:specified|detected) platform|exec format error/i, invalid('image')],
  [/network .*not found|invalid network|no such network/i, invalid('network')],
  [/range of cpus|minimum memory|memory limit|nanocpus/i, invalid('hardwareProfile')],
  [/unable to find user|invalid user/i, invalid('agentUser')],
];

/** By what came of the connection. */
const troubles: readonly (readonly [RegExp, (place: string) => string, Make])[] = [
  [/^(EACCES|EPERM)$/, (place) => `this user may not use ${place}: add the user of the coordinator to the group docker, and start it again`, ProviderError.auth],
  [/^(ENOENT|ECONNREFUSED|ENOTSOCK)$/, (place) => `no engine listens at ${place}: is it running, and are the settings socketPath, host and port right?`, ProviderError.unavailable],
  [/^ENOTFOUND$/, (place) => `there is no such host: ${place}`, invalid('host')],
  [/^ERR_OSSL|^ERR_CRYPTO/, () => 'ca, cert and key cannot be read: are they PEM, and is the key the one of cert?', invalid('key')],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, (place) => `the certificate of ${place} is of another name`, invalid('host')],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|HOSTNAME_MISMATCH)/, (place) => `the certificate of ${place} is not of the authority that ca names`, invalid('ca')],
  [/^ERR_SSL_(TLSV\d+|SSLV3)_ALERT/, (place) => `${place} refuses the certificate of the settings`, ProviderError.auth],
];

/** Whether a call was refused because this is not there. */
export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** Whether it was refused because somebody is at it, or has done it already. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** What dockerode threw, in the words of Wombat. `place`: where the engine is. */
export function toProviderError(error: unknown, place: string): ProviderError {
  if (ProviderError.is(error)) return error;
  const { statusCode = 0, code = '' } = error as EngineError;
  if (statusCode === 0) return failureOfConnection(error, code, place);
  const text = saidBy(error as EngineError);
  const cause = withStatus(text, statusCode);
  const make = sayings.find(([pattern]) => pattern.test(text))?.[1];
  if (make) return make(text, cause);
  if (statusCode === 401 || statusCode === 403) return ProviderError.auth(text, cause);
  if (statusCode === 429) return ProviderError.throttled(text, retryPullAfterMs, cause);
  if (statusCode === 404) return ProviderError.notFound(text, cause);
  if (statusCode === 400) return ProviderError.invalid('', text, cause);
  return ProviderError.unavailable(text, cause);
}

function failureOfConnection(error: unknown, code: string, place: string): ProviderError {
  const [, tell, make] = troubles.find(([pattern]) => pattern.test(code)) ?? [];
  const cause = new Error(code);
  if (tell && make) return make(tell(place), cause);
  return ProviderError.unavailable(`${place} cannot be reached (${code || oneLine((error as EngineError).message ?? String(error))})`, cause);
}

function invalid(field: string): Make {
  return (text, cause) => ProviderError.invalid(field, text, cause);
}

function statusOf(error: unknown): number | undefined {
  return ((ProviderError.is(error) ? error.cause : error) as EngineError | undefined)?.statusCode;
}

function withStatus(text: string, statusCode: number): Error {
  return Object.assign(new Error(text), { statusCode });
}

function saidBy({ json, message = '' }: EngineError): string {
  const text = oneLine(json?.message ?? message.replace(/^\(HTTP code \d+\) /, ''));
  return text === '' ? 'the engine gives no reason' : text;
}

/** One that starts in lower case and has no period at its end. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().slice(0, 300).replace(/\.$/, '');
  return /^[A-Z][a-z ]/.test(line) ? line[0]!.toLowerCase() + line.slice(1) : line;
}
