import { ProviderError } from '@wombat/plugin-sdk';
import { retryThrottledAfterMs } from './limits.js';

/** What the SDK throws, as far as it can be relied on; endpoints that are not Amazon's leave out what they like. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const authCodes = new Set([
  'AuthFailure', 'UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException', 'InvalidClientTokenId', 'InvalidAccessKeyId', 'SignatureDoesNotMatch',
  'MissingAuthenticationToken', 'UnrecognizedClientException', 'ExpiredToken', 'RequestExpired', 'OptInRequired', 'Blocked', 'CredentialsProviderError',
]);
const throttledCodes = new Set([
  'RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'ThrottledException', 'RequestThrottled', 'EC2ThrottledException', 'SlowDown',
  'TooManyRequestsException', 'BandwidthLimitExceeded',
]);
const quotaCodes = /LimitExceeded$|^MaxSpotInstanceCountExceeded$|^ResourceCountExceeded$/;
const capacityCodes = /^Insufficient|^UnfulfillableCapacity$|^SpotMaxPriceTooLow$/;
/** Refused for now: an earlier call with the same token, a new account, a state between two others, a security group that was made a moment ago. */
const laterCodes = new Set(['InvalidGroup.NotFound', 'IdempotentParameterMismatch', 'IdempotentInstanceTerminated', 'PendingVerification', 'IncorrectInstanceState', 'IncorrectState']);

/** Which setting, or field of a host's specification, is at fault. The first that fits. */
const fields: readonly (readonly [code: RegExp, message: RegExp, field: string])[] = [
  [/^InvalidAMIID|^InvalidAMI/, /(?:)/, 'image'],
  [/^InvalidInstanceType/, /(?:)/, 'hardwareProfile'],
  [/^InvalidKeyPair|^InvalidKey\./, /(?:)/, 'keyPair'],
  [/^InvalidSubnet/, /(?:)/, 'subnets'],
  [/^InvalidVpc|^VPCIdNotSpecified|^DefaultVpcDoesNotExist/, /(?:)/, 'vpc'],
  [/^InvalidGroup|^InvalidSecurityGroup/, /(?:)/, 'securityGroups'],
  [/^InvalidUserData/, /(?:)/, 'installPayload'],
  [/^InvalidPermission|^InvalidCidr/i, /(?:)/, 'rules'],
  [/^InvalidIamInstanceProfile|^NoSuchEntity/, /(?:)/, 'instanceProfile'],
  [/(?:)/, /iam ?instance ?profile/i, 'instanceProfile'],
  [/(?:)/, /availability zone|availabilityzone/i, 'zone'],
  [/(?:)/, /instance ?type/i, 'hardwareProfile'],
  [/(?:)/, /\bimage|\bami-/i, 'image'],
];

/** Whether a call was refused because this is not there (any more, or yet). */
export function isNotFound(error: unknown): boolean {
  return codeOf(error).endsWith('.NotFound');
}

/** The code of EC2, behind the ProviderError too that was made of it. */
export function codeOf(error: unknown): string {
  const { name = '' } = ((ProviderError.is(error) ? error.cause : error) ?? {}) as SdkError;
  return name;
}

/** What the SDK threw, in the words of Wombat; `hide` takes secrets out of what EC2 said. */
export function toProviderError(error: unknown, hide: (text: string) => string): ProviderError {
  if (ProviderError.is(error)) return error;
  const { name: code = '', message = '', $metadata, $response } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  const text = `${readable(hide(message)) || 'EC2 gives no reason'}${code === '' || code === 'Error' ? '' : ` (${hide(code)})`}`;
  const cause = withoutSecrets(error, hide);
  if (throttledCodes.has(code) || status === 429) return ProviderError.throttled(text, retryAfterMs($response?.headers), cause);
  if (capacityCodes.test(code)) return ProviderError.capacity(text, cause);
  if (quotaCodes.test(code)) return ProviderError.quota(text, cause);
  if (authCodes.has(code) || status === 401) return ProviderError.auth(text, cause);
  if (laterCodes.has(code) || status === 0 || status >= 500) return ProviderError.unavailable(text, cause);
  if (/^InvalidInstanceID\./.test(code)) return ProviderError.notFound(text, cause);
  if (status === 403) return ProviderError.auth(text, cause);
  if (status >= 400) return ProviderError.invalid(fields.find(([codes, messages]) => codes.test(code) && messages.test(message))?.[2] ?? '', text, cause);
  // Not an answer of EC2's at all, whatever its status says.
  return ProviderError.unavailable(text, cause);
}

/** Only the code is needed of it; the thrown error holds the request, and with it what is secret. */
function withoutSecrets(error: unknown, hide: (text: string) => string): Error {
  const { name = 'Error', message = '' } = error as SdkError;
  return Object.assign(new Error(readable(hide(message))), { name });
}

/** One line that starts in lower case and has no period at its end. */
function readable(message: string): string {
  const line = message.replace(/Encoded authorization failure message:.*/s, '').replace(/\s+/g, ' ').trim().slice(0, 300).replace(/\.$/, '');
  return /^[A-Z][a-z ]/.test(line) ? line[0]!.toLowerCase() + line.slice(1) : line;
}

function retryAfterMs(headers: Readonly<Record<string, string>> = {}): number {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) * 1_000 : retryThrottledAfterMs;
}
