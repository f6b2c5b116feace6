import { FailureKind, ProviderError, z } from '@wombat/plugin-sdk';
import type { HttpAnswer } from './http.js';
import { parseJson } from './json.js';

/** When a service throttles without saying for how long. */
const defaultPauseMs = 5_000;
const longestMessage = 300;

const isQuota = /quota|maximum number of ports|limit (is )?exceeded/i;
/** A conflict that the same request will meet again: "Multiple possible networks found". */
const isAmbiguous = /^multiple /i;
const isCapacity = /no valid host|no compute host|exceeded maximum number of retries|insufficient|not enough/i;

export interface RefusalContext {
  readonly service: string;
  /** Never shown, even where the service quotes them. */
  readonly secrets: readonly string[];
  /** Names the field that a refusal is about. @default none */
  readonly fieldOf?: ((message: string) => string) | undefined;
}

/** What an answer with an error's status means. */
export function failureOf(answer: HttpAnswer, { service, secrets, fieldOf }: RefusalContext): ProviderError {
  const { status } = answer;
  const said = tellable(messageOf(answer.text), secrets);
  const message = said === '' ? `${service} answers ${status}` : `${service}: ${said}`;
  if (isQuota.test(said) && [403, 409, 413].includes(status)) return ProviderError.quota(message);
  if (status === 413 || status === 429) return ProviderError.throttled(message, pauseMs(answer));
  if (status === 401 || status === 403) return ProviderError.auth(message);
  if (status === 404) return ProviderError.notFound(message);
  const mayPass = status === 408 || status === 409 || status >= 500;
  if (mayPass && !isAmbiguous.test(said)) return ProviderError.unavailable(message);
  return ProviderError.invalid(fieldOf?.(said) ?? '', message);
}

/** Why a server ended in the state ERROR. */
export function failureOfFault(fault: string, secrets: readonly string[]): ProviderError {
  const said = tellable(fault, secrets);
  if (isQuota.test(said)) return ProviderError.quota(`nova: ${said}`);
  if (isCapacity.test(said)) return ProviderError.capacity(`nova: ${said}`);
  return ProviderError.unavailable(`nova could not make the server: ${said === '' ? 'it does not say why' : said}`);
}

export function isNotFound(error: unknown): boolean {
  return ProviderError.is(error) && error.kind === FailureKind.NOT_FOUND;
}

/** A conflict in words only: its kind says that it may pass. */
export function isInUse(error: unknown): boolean {
  return ProviderError.is(error) && error.kind === FailureKind.UNAVAILABLE && /\bin use\b/i.test(error.message);
}

const withMessage = z.object({ message: z.string() }).transform(({ message }) => message);
const wrapped = z.record(z.string(), z.union([withMessage, z.string()])).transform((parts) => Object.values(parts)[0] ?? '');
const refusal = z.union([withMessage, wrapped]);

/** Each service wraps it in its own way: {"badRequest": {"message"}}, {"error": {"message"}}, {"NeutronError": {"message"}}, {"message"}, HTML. */
function messageOf(text: string): string {
  return refusal.safeParse(parseJson(text)).data ?? '';
}

/** One line, in lower case at its start, without secrets: they are taken out before it is cut. */
function tellable(message: string, secrets: readonly string[]): string {
  const without = secrets.filter((secret) => secret !== '').reduce((text, secret) => text.replaceAll(secret, '***'), message);
  const line = without.replace(/<[^>]*>/g, ' ').replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim().replace(/[.]$/, '');
  const short = line.length > longestMessage ? `${line.slice(0, longestMessage)}…` : line;
  return short.charAt(0).toLowerCase() + short.slice(1);
}

/** `Retry-After` is a number of seconds or a date; old services say it in the body. */
function pauseMs({ headers, text }: HttpAnswer): number {
  const given = headers.get('retry-after') ?? /"retryAfter": ?"?(\d{1,6})/i.exec(text)?.[1] ?? '';
  const seconds = /^\d{1,6}$/.test(given.trim()) ? Number(given) : (Date.parse(given) - Date.now()) / 1_000;
  return seconds > 0 ? Math.ceil(seconds * 1_000) : defaultPauseMs;
}
