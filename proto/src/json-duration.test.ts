import t from 'tap';
import { DeployNodesRequest } from './control.js';
import { Duration } from './types.js';

const request = (timeout: unknown): DeployNodesRequest => DeployNodesRequest.fromJSON({ family: 'f', amount: 1, timeout });

void t.test('durations are written and read as proto3 JSON has them', (test) => {
  const cases: [Duration, string][] = [
    [{ seconds: 90n, nanos: 0 }, '90s'],
    [{ seconds: 1n, nanos: 500_000_000 }, '1.5s'],
    [{ seconds: 0n, nanos: 1 }, '0.000000001s'],
    [{ seconds: 0n, nanos: 0 }, '0s'],
    [{ seconds: -1n, nanos: -500_000_000 }, '-1.5s'],
    [{ seconds: 0n, nanos: -20_000_000 }, '-0.02s'],
  ];
  for (const [duration, text] of cases) {
    test.equal(Duration.toJSON(duration), text, `written as ${text}`);
    test.same(Duration.fromJSON(text), duration, `${text} is read`);
  }
  test.match(DeployNodesRequest.toJSON(request('90s')), { timeout: '90s' }, 'inside a message');
  test.same(request({ seconds: '90', nanos: 5 }).timeout, { seconds: 90n, nanos: 5 }, 'the two fields are still read');
  for (const bad of ['90', '1h', '1.s', '1,5s', '']) test.throws(() => request(bad), RangeError, `${JSON.stringify(bad)} is refused`);
  test.end();
});
