import t from 'tap';
import { nearest } from '@wombat/proto';
import { describeNotes, note } from './note.js';
import { FakeHost } from './testing.js';

t.test('the fake host remembers what it was asked for and told', async (t) => {
  const host = new FakeHost();
  host.log.warn('slow', { ms: 5 });
  host.log.info('fine');
  host.log.debug('d');
  host.log.error('e');
  host.metric('calls', 1, { region: 'eu1' });
  host.metric('calls', 2);
  t.strictSame(host.lines.slice(0, 2), [{ level: 'warn', message: 'slow', fields: { ms: 5 } }, { level: 'info', message: 'fine', fields: {} }]);
  t.strictSame(host.metrics, [{ name: 'calls', value: 1, labels: { region: 'eu1' } }, { name: 'calls', value: 2, labels: {} }]);
  t.match(new TextDecoder().decode(await host.installPayload('host-a')), 'host-a');
  t.strictSame((await host.agentCommand('host-b')).argv, ['/bin/false']);
  t.strictSame(host.askedFor, ['host-a', 'host-b']);
});

t.test('the fake host gives what the test wants it to give', async (t) => {
  const command = { argv: ['agent'], environment: {}, joinToken: 't' };
  const host = new FakeHost({ installPayload: () => new Uint8Array([1]), agentCommand: () => command });
  t.strictSame(await host.installPayload('host-a'), new Uint8Array([1]));
  t.equal(await host.agentCommand('host-a'), command);
});

t.test('notes in one line', async (t) => {
  t.equal(describeNotes([note.error('region', 'is required'), note.warning('', 'slow'), note.info('size', 'small')]), 'region: is required; slow; size: small');
});

t.test('the nearest word, or none', async (t) => {
  const names = ['local', 'amazon-ec2', 'openstack'];
  t.equal(nearest('locla', names), 'local');
  t.equal(nearest('amazon_ec2', names), 'amazon-ec2');
  t.equal(nearest('OpenStack', names), 'openstack');
  t.equal(nearest('docker', names), undefined);
  t.equal(nearest('', names), undefined);
});
