// The floor of what a coordinator does for its agents: a process with mutual TLS that accepts bare sockets, or gRPC streams of
// bytes, writes a frame to each of them and waits for one back. Nothing is parsed, looked up or stored.
import { readFileSync } from 'node:fs';
import { constants } from 'node:crypto';
import { createServer } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { bareStream } from './bare-stream.js';

const { keyPem, chainPem, authorityFile, frameBytes, over } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const authority = readFileSync(authorityFile);
const peers = new Set();
let onAnswer = () => undefined;

function accept(peer) {
  peers.add(peer);
  peer.on('data', () => onAnswer());
  peer.on('error', () => undefined);
  peer.on('close', () => peers.delete(peer));
}

function listenForSockets() {
  const server = createServer({
    key: keyPem, cert: chainPem, ca: authority, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }, (socket) => {
    socket.setNoDelay(true);
    accept(socket);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => process.send({ port: server.address().port }));
}

function listenForStreams() {
  const server = new Server();
  server.addService({ stream: bareStream }, { stream: (call) => (call.sendMetadata(call.metadata), accept(call)) });
  const pair = { private_key: Buffer.from(keyPem), cert_chain: Buffer.from(chainPem) };
  server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(authority, [pair], true), (error, port) => process.send({ port }));
}

if (over === 'streams') listenForStreams();
else listenForSockets();

/** Milliseconds from the first write to each answer. */
function fanOut() {
  return new Promise((resolve) => {
    const times = [];
    const waiting = [...peers];
    const frame = Buffer.alloc(frameBytes);
    const startedAt = performance.now();
    onAnswer = () => {
      times.push(performance.now() - startedAt);
      if (times.length === peers.size) resolve(times);
    };
    // As the coordinator does it: answers are read in between.
    const writeSome = () => {
      for (const peer of waiting.splice(0, 50)) peer.write(frame);
      if (waiting.length > 0) setImmediate(writeSome);
    };
    writeSome();
  });
}

process.on('message', async ({ order }) => process.send(order === 'fan-out' ? { times: await fanOut() } : { open: peers.size }));
process.on('disconnect', () => process.exit(0));
