import t from 'tap';
import { sessionBench } from '../testing/session-bench.js';
import { until } from '../testing/until.js';
import { CoordinatorLink } from './coordinator-link.js';

t.test('the loss of a connection is heard also by who asks after it', async (t) => {
  const bench = await sessionBench(t);
  const connection = new CoordinatorLink(bench.standIn.address, bench.keeper).connect();
  t.teardown(() => connection.close());
  bench.standIn.behaviour.session = (call) => void call.write({ frame: { $case: 'ping', value: {} } });
  let hasEnded = false;
  const call = connection.session().on('error', () => (hasEnded = true));
  await new Promise((resolve) => call.once('data', resolve));
  const heard: string[] = [];
  connection.onLost(() => heard.push('before'));
  bench.standIn.cutConnections();
  await until(() => hasEnded && heard.length > 0, 'the loss');
  connection.onLost(() => heard.push('after'));
  await until(() => heard.length === 2, 'the loss, told again');
  t.strictSame(heard, ['before', 'after']);
});
