import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { HandshakeTurns } from './handshake-turns.js';

const makeSockets = (length: number): Socket[] => Array.from({ length }, () => new Socket());

t.test('handshakes are begun a few at once, in the order in which they came', async (t) => {
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket), () => 0);
  const sockets = makeSockets(100);
  for (const socket of sockets) turns.add(socket);
  t.equal(begun.length, 0, 'none in the turn in which it came');
  await setImmediate();
  t.same(begun, sockets.slice(0, 64), 'those that came first');
  await setImmediate();
  t.equal(begun.length, 64, 'the others wait for them');
  for (let ended = 0; ended < 10; ended += 1) turns.ended();
  await setImmediate();
  t.same(begun, sockets.slice(0, 74), 'whose places they take');
  for (let ended = 0; ended < 64; ended += 1) turns.ended();
  await setImmediate();
  t.same(begun, sockets, 'in the end each has had its turn, once');
  turns.stop();
});

t.test('who says nothing does not hold up others for long', async (t) => {
  let nowMs = 0;
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket), () => nowMs);
  for (const socket of makeSockets(64)) turns.add(socket);
  await setImmediate();
  const late = new Socket();
  turns.add(late);
  await setImmediate();
  t.not(begun.at(-1), late);
  nowMs = 501;
  turns.add(new Socket());
  await setImmediate();
  t.equal(begun[64], late);
  t.equal(begun.length, 66);
  turns.stop();
});

t.test('those that wait are begun by themselves when nobody else comes', async (t) => {
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket));
  for (const socket of makeSockets(65)) turns.add(socket);
  while (begun.length < 65) await setImmediate();
  t.equal(begun.length, 65);
  turns.stop();
});

t.test('who has waited too long is cut, and whoever comes after that is served', async (t) => {
  let nowMs = 0;
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket), () => nowMs);
  const old = makeSockets(3);
  for (const socket of old) turns.add(socket);
  nowMs = 61_000;
  const inTime = new Socket();
  turns.add(inTime);
  await setImmediate();
  t.ok(old.every(({ destroyed }) => destroyed), 'their agents have given up');
  t.same(begun, [inTime], 'no handshake is spent on them');
  turns.stop();
});

t.test('a stop cuts those that wait', (t) => {
  const turns = new HandshakeTurns(() => t.fail('a handshake was begun'));
  const socket = new Socket();
  turns.add(socket);
  turns.stop();
  t.ok(socket.destroyed, 'nobody is left waiting');
  t.end();
});
