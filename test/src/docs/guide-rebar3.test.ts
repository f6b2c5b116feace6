import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { checkPage } from '../support/page-test.js';

t.setTimeout(300_000);

t.test('the guide for rebar3 releases, line by line', { skip: withoutErlang() }, async (t) => {
  await checkPage(t, 'docs/guides/deploy-rebar3.md', [/deploy op-\w+ succeeded.*3 of 3 running/, /cluster: one/, /shop listens on \d+, currency EUR, key of 64 bytes/, /3 ok of 3 targets/, /1 of 1 running/, /family Shops is removed/]);
});
