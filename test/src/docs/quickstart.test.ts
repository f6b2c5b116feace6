import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { checkPage } from '../support/page-test.js';

t.setTimeout(300_000);

t.test('the quickstart, line by line', { skip: withoutErlang() }, async (t) => {
  await checkPage(t, 'docs/quickstart.md', [
    /wombat_sample-3/, /deploy op-\w+ succeeded/, /cluster: one/, /3 ok of 3 targets/, /ended and is restarted/, /3 ok of 3 targets/, /family Samples is removed/,
  ]);
});
