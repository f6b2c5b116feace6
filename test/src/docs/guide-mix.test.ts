import t from 'tap';
import { without } from '../support/checkout.js';
import { checkPage } from '../support/page-test.js';

t.setTimeout(300_000);

t.test('the guide for mix releases, line by line', { skip: without('mix', 'erl', 'epmd', 'erl_call') }, async (t) => {
  await checkPage(t, 'docs/guides/deploy-mix.md', [/layout +mix/, /deploy op-\w+ succeeded.*3 of 3 running/, /cluster: one/, /<<"1\.\d+\.\d+">>/, /3 ok of 3 targets/, /family Carts is removed/]);
});
