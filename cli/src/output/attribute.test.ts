import { Unit, type AttributeValue } from '@wombat/proto/types';
import t from 'tap';
import { attributeText } from './attribute.js';

t.test('an attribute as people read it', async (t) => {
  const written = (kind: AttributeValue['kind']): string => attributeText({ key: 'k', value: { kind } });
  t.equal(written({ $case: 'quantity', value: { amount: 2 * 1024 ** 3, unit: Unit.BYTES, currency: '' } }), 'k = 2.0 GiB');
  t.equal(written({ $case: 'quantity', value: { amount: 4, unit: Unit.CORES, currency: '' } }), 'k = 4');
  t.equal(written({ $case: 'quantity', value: { amount: 0.1, unit: Unit.PRICE_PER_HOUR, currency: 'EUR' } }), 'k = 0.1 EUR an hour');
  t.equal(written({ $case: 'flag', value: false }), 'k = false');
  t.equal(written({ $case: 'integer', value: 7n }), 'k = 7');
  t.equal(written({ $case: 'list', value: { values: [{ kind: { $case: 'text', value: 'a' } }, { kind: { $case: 'text', value: 'b' } }] } }), 'k = a, b');
  t.equal(written(undefined), 'k = ');
});
