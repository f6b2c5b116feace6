import t from 'tap';
import { checkPage } from '../support/page-test.js';

t.setTimeout(300_000);

t.test('the guide for other tarballs, line by line', async (t) => {
  await checkPage(t, 'docs/guides/deploy-plain.md', [
    /deploy op-\w+ succeeded.*3 of 3 running/, /echoes-1 \| echoes-1 keeps its state in/, /PEERS="echoes-\d@127/, /echoes-1 \| 1\n/, /restart op-\w+ succeeded/, /echoes-1 \| 2\n/, /family Echoes is removed/,
  ]);
});
