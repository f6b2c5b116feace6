import t from 'tap';
import { execFileSync } from 'node:child_process';
import { quoted } from './quoted.js';

void t.test('a shell reads back what was quoted, as one word', (test) => {
  for (const text of ['web', 'Riak node family', "it's", '', '$HOME', '`id`', '*', '~', 'a\\b', '"', 'é;&|<>()']) {
    test.equal(execFileSync('/bin/sh', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' }), text);
  }
  test.equal(quoted('web-1@127.0.0.1'), 'web-1@127.0.0.1', 'what needs no quotes has none');
  test.end();
});
