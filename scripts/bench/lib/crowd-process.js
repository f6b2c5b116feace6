// A process with many agents, or with as many bare TLS sockets or gRPC streams that say and answer as much. Its parent tells it what to
// do: { connect, atOnce }, { retry }, { disconnect }; and asks { status }.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Client, credentials } from '@grpc/grpc-js';
import { bareStream } from './bare-stream.js';
import { coordinatorName } from '../../../test/dist/support/control-client.js';
import { AgentSession } from '../../../test/dist/support/agent-session.js';

const { kind, port, identitiesFile, authorityFile, frameBytes, beatMs } = JSON.parse(process.argv[2]);
const authority = readFileSync(authorityFile);
const identities = JSON.parse(readFileSync(identitiesFile, 'utf8'));
/** Code of an error -> how often a session could not be had for it. */
const failures = {};
const log = pino({ level: 'warn' }, new Writable({ write(line, _, done) {
  const { code } = JSON.parse(line);
  if (code) failures[code] = (failures[code] ?? 0) + 1;
  done();
} }));

class BareSocket {
  isOpen = false;
  #beat;

  constructor({ keyPem, chainPem }) {
    this.context = createSecureContext({ ca: authority, minVersion: 'TLSv1.3', cert: chainPem, key: keyPem });
  }

  run(stop) {
    return new Promise((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port, secureContext: this.context, checkServerIdentity: () => undefined });
      socket.setNoDelay(true);
      socket.on('secureConnect', () => {
        this.isOpen = true;
        if (beatMs > 0) this.#beat = setInterval(() => socket.write(Buffer.alloc(frameBytes)), beatMs);
      });
      socket.on('data', () => socket.write(Buffer.alloc(frameBytes)));
      socket.on('error', ({ code }) => (failures[code] = (failures[code] ?? 0) + 1));
      socket.on('close', () => {
        clearInterval(this.#beat);
        this.isOpen = false;
        resolve();
      });
      stop.addEventListener('abort', () => socket.destroy(), { once: true });
    });
  }

  retryNow() {}
}

/** What the agent's session is built on, and nothing else. */
class BareStream {
  isOpen = false;

  constructor({ keyPem, chainPem }) {
    const options = { 'grpc.ssl_target_name_override': coordinatorName(authority), 'grpc.use_local_subchannel_pool': 1 };
    this.client = new Client(`127.0.0.1:${port}`, credentials.createSsl(authority, Buffer.from(keyPem), Buffer.from(chainPem)), options);
  }

  run(stop) {
    return new Promise((resolve) => {
      const call = this.client.makeBidiStreamRequest(bareStream.path, bareStream.requestSerialize, bareStream.responseDeserialize);
      call.on('metadata', () => (this.isOpen = true));
      call.on('data', () => call.write(Buffer.alloc(frameBytes)));
      call.on('error', ({ code }) => (failures[code] = (failures[code] ?? 0) + 1));
      call.on('status', () => {
        this.isOpen = false;
        resolve();
      });
      stop.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  retryNow() {}
}

const kinds = { agents: (identity) => new AgentSession(identity, authority, port, { log }), sockets: (identity) => new BareSocket(identity), streams: (identity) => new BareStream(identity) };
const members = identities.map((identity) => kinds[kind](identity));
/** One for each: to add a listener to a signal takes the longer the more it has. */
const stops = [];
const running = [];
const countOpen = () => members.filter(({ isOpen }) => isOpen).length;

async function connect(atOnce) {
  for (const member of members) {
    while (running.length - countOpen() >= atOnce) await sleep(5);
    stops.push(new AbortController());
    running.push(member.run(stops.at(-1).signal));
  }
}

process.on('message', async ({ id, order, atOnce }) => {
  if (order === 'connect') await connect(atOnce);
  if (order === 'retry') for (const member of members) member.retryNow();
  if (order === 'disconnect') {
    for (const stop of stops) stop.abort();
    await Promise.all(running);
  }
  process.send({ id, open: countOpen(), failures, residentMiB: process.memoryUsage().rss / 1024 ** 2 });
  if (order === 'disconnect') process.exit(0);
});
// Without a parent there is nobody to be an agent for.
process.on('disconnect', () => process.exit(0));
