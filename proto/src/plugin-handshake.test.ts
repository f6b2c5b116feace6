import t from 'tap';
import { formatHandshake, parseHandshake } from './plugin-handshake.js';

t.test('a handshake that was written is read', async (t) => {
  t.equal(parseHandshake(`${formatHandshake('/run/x/plugin.sock')}\n`), '/run/x/plugin.sock');
  t.equal(parseHandshake('1|1|unix|/run/x|grpc'), '/run/x', 'the certificate may be left out');
});

t.test('a handshake that is wrong is refused, and why is told', async (t) => {
  const wrong: Record<string, RegExp> = {
    '': /no handshake/,
    'hello': /no handshake/,
    'a|1|unix|/x|grpc|': /no handshake/,
    '2|1|unix|/x|grpc|': /version 2 of the handshake/,
    '1|7|unix|/x|grpc|': /version 7 of the plugin protocol; this coordinator speaks 1/,
    '1|1|tcp|127.0.0.1:1|grpc|': /no unix|not listen on a unix socket/,
    '1|1|unix|/x|netrpc|': /does not speak gRPC/,
    '1|1|unix|x|grpc|': /names no path/,
    [`1|1|unix|/${'x'.repeat(200)}|grpc|`]: /names no path/,
  };
  for (const [line, message] of Object.entries(wrong)) t.throws(() => parseHandshake(line), { message }, JSON.stringify(line.slice(0, 40)));
});
