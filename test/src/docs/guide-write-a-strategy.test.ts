import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { checkPage } from '../support/page-test.js';

t.setTimeout(300_000);

t.test('the guide for bootstrap strategies, line by line', { skip: withoutErlang() || (process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs') }, async (t) => {
  await checkPage(t, 'docs/guides/write-a-strategy.md', [
    /pairs: 17 passed, 0 failed, 0 skipped/, /steps +failed +step 1: has no deadline/, /as it should/, /connects each Erlang node to one other/, /did you mean deadline/, /refused/,
  ]);
});
