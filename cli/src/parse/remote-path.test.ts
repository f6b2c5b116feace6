import t from 'tap';
import { parseRemotePath } from './remote-path.js';

t.test('the first colon that is not in quotes parts them', (t) => {
  const same = (given: string, expression: string, path: string): unknown => t.same(parseRemotePath(given), { expression, path }, given);
  same('web:etc/app.conf', 'web', 'etc/app.conf');
  same('Riak node family:data:ring/x', 'Riak node family', 'data:ring/x');
  same('rack-7:/etc/a:b\nc', 'rack-7', '/etc/a:b\nc');
  same('node.name = "a:\\"b" and zone = eu:x', 'node.name = "a:\\"b" and zone = eu', 'x');
  same('web:', 'web', '');
  for (const given of ['', 'web', ':x', ' :x', '"web:x', 'etc/app.conf']) t.throws(() => parseRemotePath(given), { name: 'UsageError', message: /EXPRESSION:PATH/ }, given);
  t.end();
});
