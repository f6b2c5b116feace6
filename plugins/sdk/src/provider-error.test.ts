import t from 'tap';
import { FailureKind } from './contract.js';
import { ProviderError } from './provider-error.js';

t.test('each kind becomes the failure of the wire', async (t) => {
  const cases: readonly [ProviderError, FailureKind, boolean][] = [
    [ProviderError.auth('m'), FailureKind.AUTH, false],
    [ProviderError.quota('m'), FailureKind.QUOTA, false],
    [ProviderError.capacity('m'), FailureKind.CAPACITY, true],
    [ProviderError.throttled('m', 1_500), FailureKind.THROTTLED, true],
    [ProviderError.invalid('image', 'm'), FailureKind.INVALID, false],
    [ProviderError.notFound('m'), FailureKind.NOT_FOUND, false],
    [ProviderError.unavailable('m'), FailureKind.UNAVAILABLE, true],
  ];
  for (const [error, kind, mayRetry] of cases) {
    const failure = error.toFailure();
    t.match(failure, { kind, mayRetry, message: 'm' }, `kind ${FailureKind[kind]}`);
    t.equal(failure.field, kind === FailureKind.INVALID ? 'image' : '');
    t.strictSame(failure.retryAfter, kind === FailureKind.THROTTLED ? { seconds: 1n, nanos: 500_000_000 } : undefined);
  }
});

t.test('whether it may be retried can be said otherwise', async (t) => {
  t.equal(new ProviderError(FailureKind.UNAVAILABLE, 'm', { mayRetry: false }).toFailure().mayRetry, false);
});

t.test('anything caught is normalised, with its cause', async (t) => {
  const known = ProviderError.quota('full');
  t.equal(ProviderError.from(known), known);
  const cause = new TypeError('fetch failed');
  t.match(ProviderError.from(cause), { kind: FailureKind.UNAVAILABLE, message: 'fetch failed', cause });
  t.equal(ProviderError.from('text').message, 'text');
});

t.test('errors of another copy of the package are recognised', async (t) => {
  t.ok(ProviderError.is({ [Symbol.for('wombat.provider-error')]: true }));
  t.notOk(ProviderError.is(new Error('x')));
  t.notOk(ProviderError.is(undefined));
});
