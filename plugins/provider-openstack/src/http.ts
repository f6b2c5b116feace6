import { ProviderError, withDeadline } from '@wombat/plugin-sdk';

/** An answer of any service is smaller: pages are bounded. */
const longestAnswerBytes = 16 * 1024 * 1024;
/** The caller's deadline is for all of its requests; one that hangs shall not use it up. */
const defaultTimeoutMs = 60_000;

export interface HttpRequest {
  /** For messages: "nova". */
  readonly service: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** @default none: the request is nobody's alone */
  readonly signal?: AbortSignal;
  /** @default 60 s */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * One request and its whole answer, whatever its status. Redirects are not followed: tokens go where the catalog says only.
 *
 * @throws ProviderError unavailable, or the signal's reason
 */
export async function send({ service, method, url, headers, body, signal, timeoutMs = defaultTimeoutMs }: HttpRequest): Promise<HttpAnswer> {
  const within = withDeadline(timeoutMs, `${service}'s answer`, signal);
  try {
    const answer = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: within,
    });
    return { status: answer.status, headers: answer.headers, text: await boundedText(answer, service) };
  } catch (error) {
    signal?.throwIfAborted();
    if (ProviderError.is(error)) throw error;
    throw ProviderError.unavailable(`${service} at ${url.origin} ${within.aborted ? `has not answered for ${timeoutMs / 1_000} s` : reasonOf(error)}`);
  }
}

async function boundedText(answer: Response, service: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of answer.body ?? []) {
    const bytes = chunk as Uint8Array;
    sizeBytes += bytes.length;
    if (sizeBytes > longestAnswerBytes) throw ProviderError.unavailable(`${service} answers more than ${longestAnswerBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Of what fetch throws only the code is told: the rest may quote what was sent. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'no answer';
  return code === 'ECONNREFUSED' ? 'refuses connections' : `cannot be reached: ${code}`;
}
