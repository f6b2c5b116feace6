import { Outcome } from '@wombat/proto/agent';
import type { JobOutput } from '@wombat/proto/control';
import t from 'tap';
import { target } from '../../testing/jobs.js';
import { ShownOutput } from './shown-output.js';

const piece = (offset: number, text: string, stderr = false): JobOutput => ({ targetId: 'node-web-1', targetName: 'web-1', stderr, offset: BigInt(offset), data: Buffer.from(text) });

t.test('whole lines are handed out once, the rest comes with the outcome', (t) => {
  const shown = new ShownOutput();
  t.equal(String(shown.take(piece(0, 'one\ntw'))), 'one\n');
  t.equal(String(shown.take(piece(0, 'one\ntwo\nth'))), 'two\n', 'an agent that has started again begins anew');
  t.equal(String(shown.take(piece(20, 'late\n'))), '', 'something before it is missing');
  t.equal(String(shown.take(piece(0, 'oops\n', true))), 'oops\n', 'the streams are counted apart');
  const rest = shown.rest(target('web-1', Outcome.OK, 'one\ntwo\nthree\nend', { stderr: Buffer.from('oops\n') }));
  t.same([String(rest.stdout), String(rest.stderr)], ['three\nend', '']);
  t.equal(String(shown.rest(target('web-1', Outcome.OK, 'one\n')).stdout), 'one\n', 'then it is forgotten');
  t.end();
});

t.test('what was shown and is lost since is not taken from what is behind the loss', (t) => {
  const shown = new ShownOutput();
  shown.take(piece(0, 'one\ntwo\n'));
  const rest = shown.rest(target('web-1', Outcome.OK, 'one\nlast\n', { stdoutLostBytes: 100n, stdoutLostAt: 4n }));
  t.equal(String(rest.stdout), 'last\n');
  t.end();
});
