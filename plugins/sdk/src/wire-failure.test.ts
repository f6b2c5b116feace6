import { Metadata, status } from '@grpc/grpc-js';
import { FailureKind } from '@wombat/proto/plugin';
import t from 'tap';
import { ProviderError } from './provider-error.js';
import { failedCall, readFailedCall } from './wire-failure.js';

t.test('a failure crosses the wire whole', (t) => {
  const sent = [ProviderError.auth('no'), ProviderError.throttled('slow', 1_500), ProviderError.invalid('image', 'none'), ProviderError.capacity('full'), new Error('broken')];
  for (const error of sent) t.same(readFailedCall(failedCall(error)).toFailure(), ProviderError.from(error).toFailure(), error.message);
  t.end();
});

t.test('a plugin that says no more than a status is understood, and so is nonsense', (t) => {
  const kindOf = (code: status, metadata = new Metadata()) => readFailedCall(Object.assign(new Error('x'), { code, details: 'x', metadata })).kind;
  t.equal(kindOf(status.UNAUTHENTICATED), FailureKind.AUTH);
  t.equal(kindOf(status.NOT_FOUND), FailureKind.NOT_FOUND);
  t.equal(kindOf(status.UNIMPLEMENTED), FailureKind.INVALID);
  t.equal(kindOf(status.INTERNAL), FailureKind.UNAVAILABLE);
  const nonsense = new Metadata();
  nonsense.set('wombat-failure-bin', Buffer.from([0xff, 0xff, 0xff]));
  t.equal(kindOf(status.NOT_FOUND, nonsense), FailureKind.NOT_FOUND);
  t.end();
});
