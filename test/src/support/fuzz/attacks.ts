import { connect, type Socket } from 'node:net';
import { request } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { Metadata, type Client } from '@grpc/grpc-js';
import type { Certified } from '../host-identity.js';
import type { Fuzzer } from './fuzzer.js';

/** Of a generated service definition. */
export interface AnyMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: unknown) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
}

const patienceMs = 150;
/** A client whose connection was cut does not always hear that a call of it has ended. */
const answerMs = 1_000;

/** Bytes to an address, whatever comes of it. */
export function throwBytes(address: string, bytes: Buffer): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  return over(connect({ host, port: Number(port) }), 'connect', bytes);
}

/** The same behind a good TLS handshake, with or without a certificate. */
export function throwBehindTls(address: string, authority: Buffer, bytes: Buffer, certified?: Certified): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  const socket = connectTls({ host, port: Number(port), ca: authority, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...(certified && { cert: certified.chainPem, key: certified.keyPem }) });
  return over(socket, 'secureConnect', bytes);
}

function over(socket: Socket, ready: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), patienceMs);
    socket.once(ready, () => {
      socket.write(bytes);
      // Enough to be read and judged; most are cut at once.
      setTimeout(() => socket.destroy(), 15);
    });
    socket.resume().on('error', () => undefined).once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** One call with these messages, ended after a moment. */
export function call(client: Client, { path, requestStream, responseStream }: AnyMethod, messages: readonly Buffer[], metadata = new Metadata()): Promise<void> {
  const same = (bytes: Buffer): Buffer => bytes;
  const options = { deadline: Date.now() + (responseStream ? patienceMs : answerMs) };
  return new Promise((resolve) => {
    const done = (): void => resolve();
    if (!requestStream && !responseStream) return void client.makeUnaryRequest(path, same, same, messages[0]!, metadata, options, done);
    const stream = requestStream
      ? responseStream ? client.makeBidiStreamRequest(path, same, same, metadata, options) : client.makeClientStreamRequest(path, same, same, metadata, options, done)
      : client.makeServerStreamRequest(path, same, same, messages[0]!, metadata, options);
    stream.on('error', done);
    if ('resume' in stream) stream.resume().on('end', done);
    if ('write' in stream) {
      for (const message of messages) stream.write(message);
      stream.end();
    }
  });
}

/** One call over HTTP; answers the status, or undefined when there was none. */
export function post(address: string, path: string, token: string, body: string | Buffer): Promise<number | undefined> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const asked = request({ host, port, method: 'POST', path, timeout: patienceMs, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }, (answer) => {
      resolve(answer.statusCode);
      // Streams would go on.
      asked.destroy();
    });
    asked.on('timeout', () => asked.destroy()).on('error', () => undefined).once('close', () => resolve(undefined));
    asked.end(body);
  });
}

/** HTTP/1.1 that may be none. */
export function httpText(fuzzer: Fuzzer): Buffer {
  const line = fuzzer.pick(['GET / HTTP/1.1', 'POST /v1/NodeService/ListNodes HTTP/1.1', 'GET /v1/events?after=-1 HTTP/1.1', `GET /${fuzzer.word()} HTTP/9.9`, 'OPTIONS * HTTP/1.1']);
  const headers = Array.from({ length: fuzzer.below(5) }, () => fuzzer.pick(['Content-Length: -5', 'Content-Length: 99999999999', 'Transfer-Encoding: chunked', `Authorization: Bearer ${fuzzer.word()}`, `X: ${fuzzer.word()}`, 'Host: a']));
  return fuzzer.mutated(Buffer.from([line, ...headers, '', fuzzer.word()].join('\r\n')));
}
