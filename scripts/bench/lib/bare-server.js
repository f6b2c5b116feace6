// The floor of what a coordinator does for its agents: a process with mutual TLS that accepts bare sockets, writes a
// frame to each of them and waits for one back. Nothing is parsed, looked up or stored.
import { readFileSync } from 'node:fs';
import { constants } from 'node:crypto';
import { createServer } from 'node:tls';

const { keyPem, chainPem, authorityFile, frameBytes } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const sockets = new Set();
let onAnswer = () => undefined;

const server = createServer({
  key: keyPem, cert: chainPem, ca: readFileSync(authorityFile), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
}, (socket) => {
  socket.setNoDelay(true);
  sockets.add(socket);
  socket.on('data', () => onAnswer());
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => process.send({ port: server.address().port }));

/** Milliseconds from the first write to each answer. */
function fanOut() {
  return new Promise((resolve) => {
    const times = [];
    const waiting = [...sockets];
    const frame = Buffer.alloc(frameBytes);
    const startedAt = performance.now();
    onAnswer = () => {
      times.push(performance.now() - startedAt);
      if (times.length === sockets.size) resolve(times);
    };
    // As the coordinator does it: answers are read in between.
    const writeSome = () => {
      for (const socket of waiting.splice(0, 50)) socket.write(frame);
      if (waiting.length > 0) setImmediate(writeSome);
    };
    writeSome();
  });
}

process.on('message', async ({ order }) => process.send(order === 'fan-out' ? { times: await fanOut() } : { open: sockets.size }));
process.on('disconnect', () => process.exit(0));
