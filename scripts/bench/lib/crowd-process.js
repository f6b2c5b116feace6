// A process with many agents, or with as many bare TLS sockets that say and answer as much. Its parent tells it what to
// do: { connect, atOnce }, { retry }, { disconnect }; and asks { status }.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { setMaxListeners } from 'node:events';
import { Writable } from 'node:stream';
import { pino } from 'pino';
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

const members = identities.map((identity) => (kind === 'agents' ? new AgentSession(identity, authority, port, { log }) : new BareSocket(identity)));
const stop = new AbortController();
setMaxListeners(0, stop.signal);
const running = [];
const countOpen = () => members.filter(({ isOpen }) => isOpen).length;

async function connect(atOnce) {
  for (const member of members) {
    while (running.length - countOpen() >= atOnce) await sleep(5);
    running.push(member.run(stop.signal));
  }
}

process.on('message', async ({ id, order, atOnce }) => {
  if (order === 'connect') await connect(atOnce);
  if (order === 'retry') for (const member of members) member.retryNow();
  if (order === 'disconnect') {
    stop.abort();
    await Promise.all(running);
  }
  process.send({ id, open: countOpen(), failures, residentMiB: process.memoryUsage().rss / 1024 ** 2 });
  if (order === 'disconnect') process.exit(0);
});
// Without a parent there is nobody to be an agent for.
process.on('disconnect', () => process.exit(0));
