import type { ServerResponse } from 'node:http';
import { orAborted, toErrorDetail, type WombatError } from '@wombat/proto';

const heartbeatMs = 15_000;
/** So long a stream may take to fail with a status of its own, before its headers are sent. */
const headersAfterMs = 250;

/** How messages and the error at the end are written down. */
export interface StreamFormat {
  readonly contentType: string;
  message(json: unknown): string;
  error(error: WombatError): string;
  /** Keeps idle connections open in proxies; empty: none. */
  readonly heartbeat: string;
}

/** One object a line: {"result": message}, or {"error": detail} as the last. */
export const jsonLines: StreamFormat = {
  contentType: 'application/x-ndjson; charset=utf-8',
  message: (json) => `${JSON.stringify({ result: json })}\n`,
  error: (error) => `${JSON.stringify({ error: toErrorDetail(error) })}\n`,
  heartbeat: '',
};

/** Server-sent events; an error is an event of the type "error". `idOf` fills Last-Event-ID. */
export function serverSentEvents(idOf: (json: unknown) => string | undefined = () => undefined): StreamFormat {
  return {
    contentType: 'text/event-stream; charset=utf-8',
    message: (json) => {
      const id = idOf(json);
      return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(json)}\n\n`;
    },
    error: (error) => `event: error\ndata: ${JSON.stringify(toErrorDetail(error))}\n\n`,
    heartbeat: ': \n\n',
  };
}

export interface StreamAnswer {
  readonly messages: AsyncIterable<unknown>;
  readonly toJson: (message: unknown) => unknown;
  readonly format: StreamFormat;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** What the caller is told of an error. */
  readonly told: (error: unknown) => WombatError;
}

/**
 * Writes a stream, no faster than it is read. Rejects when it fails before anything was sent, so
 * that the answer can have a status; later errors are written into the stream.
 */
export async function writeStream(response: ServerResponse, answer: StreamAnswer): Promise<void> {
  const iterator = answer.messages[Symbol.asyncIterator]();
  const heart = answer.format.heartbeat === '' ? undefined : setInterval(() => beat(response, answer.format), heartbeatMs);
  try {
    let next = orAborted(iterator.next(), answer.signal);
    await Promise.race([next, later(headersAfterMs)]);
    response.writeHead(200, { ...answer.headers, 'content-type': answer.format.contentType });
    response.flushHeaders();
    try {
      for (let item = await next; item.done !== true; item = await next) {
        await write(response, answer.format.message(answer.toJson(item.value)), answer.signal);
        next = orAborted(iterator.next(), answer.signal);
      }
    } catch (error) {
      if (!response.destroyed) response.write(answer.format.error(answer.told(error)));
    }
    response.end();
  } finally {
    clearInterval(heart);
    iterator.return?.()?.catch(() => undefined);
  }
}

async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text)) return;
  const drained = new Promise<void>((resolve) => response.once('drain', resolve));
  await orAborted(drained, signal);
}

function beat(response: ServerResponse, format: StreamFormat): void {
  if (response.headersSent && !response.writableNeedDrain && !response.writableEnded) response.write(format.heartbeat);
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
