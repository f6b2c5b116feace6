import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { HandshakeTurns } from './handshake-turns.js';

t.test('handshakes begin a few in each turn of the loop, the newest first', async (t) => {
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket));
  const sockets = Array.from({ length: 20 }, () => new Socket());
  for (const socket of sockets) turns.add(socket);
  t.equal(begun.length, 0, 'none in the turn in which it came');
  await setImmediate();
  t.same(begun.map((socket) => sockets.indexOf(socket)), [19, 18, 17, 16, 15, 14, 13, 12], 'those that came last');
  const late = new Socket();
  turns.add(late);
  await setImmediate();
  t.equal(begun[8], late, 'one that has come since is before those that wait');
  await setImmediate();
  t.equal(begun.length, 21, 'in the end each has had its turn');
  t.equal(new Set(begun).size, 21, 'once');
  await setImmediate();
  turns.add(new Socket());
  await setImmediate();
  t.equal(begun.length, 22, 'and whoever comes later need not wait for anybody');
});

t.test('who has waited too long is cut, and whoever comes after that is served', async (t) => {
  let nowMs = 0;
  const begun: Socket[] = [];
  const turns = new HandshakeTurns((socket) => begun.push(socket), () => nowMs);
  const old = Array.from({ length: 3 }, () => new Socket());
  for (const socket of old) turns.add(socket);
  nowMs = 11_000;
  await setImmediate();
  t.ok(old.every(({ destroyed }) => destroyed), 'their agents have given up');
  t.same(begun, [], 'no handshake is spent on them');
  turns.add(new Socket());
  await setImmediate();
  t.equal(begun.length, 1);
});

t.test('a stop cuts those that wait', (t) => {
  const turns = new HandshakeTurns(() => t.fail('a handshake was begun'));
  const socket = new Socket();
  turns.add(socket);
  turns.stop();
  t.ok(socket.destroyed, 'nobody is left waiting');
  t.end();
});
