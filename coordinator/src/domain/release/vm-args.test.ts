import t from 'tap';
import { completeIdentity, isVmArgs, replaceIdentity } from './vm-args.js';

const identity = { erlangName: 'riak-3@127.7.7.2', address: '127.7.7.2', distributionPort: 30_001 };
const own = [
  '-name riak-3@127.7.7.2',
  '-start_epmd false',
  '-kernel inet_dist_use_interface {127,7,7,2}',
  '-kernel inet_dist_listen_min 30001',
  '-kernel inet_dist_listen_max 30001',
];

t.test('name, cookie and distribution ports are replaced, all else is kept', (t) => {
  const text = [
    '## -name commented@out',
    '-name riak@127.0.0.1',
    '-setcookie s3cret',
    '+K true',
    '-kernel inet_dist_listen_min 6000 inet_dist_listen_max 7999',
    "-kernel inet_dist_use_interface '{127, 0, 0, 1}'",
    '-kernel net_ticktime 30 inet_dist_listen_min 6000',
    '-env ERL_MAX_PORTS 64000 -setcookie other +Q 1000',
    '-smp enable -sname short',
    '-start_epmd true',
    '',
  ].join('\n');
  t.strictSame(replaceIdentity(text, identity).split('\n'), [
    '## -name commented@out',
    '+K true',
    '-kernel net_ticktime 30',
    '-env ERL_MAX_PORTS 64000  +Q 1000',
    '-smp enable ',
    '',
    '## Written by Wombat for this node',
    ...own,
    '',
  ]);
  t.end();
});

t.test('no cookie is left in any form', (t) => {
  const forms = ['-setcookie abc', '  -setcookie\tabc', '-setcookie "a b"', "-setcookie 'a b'", '-setcookie node@host abc', '+K true -setcookie abc -smp', '-setcookie ${COOKIE}'];
  for (const form of forms) {
    for (const render of [replaceIdentity, completeIdentity]) {
      const rendered = render(form, identity);
      t.notMatch(rendered, /setcookie|abc|COOKIE|a b/, form);
    }
  }
  t.end();
});

t.test('an empty file gets all of it', (t) => {
  t.strictSame(replaceIdentity('', identity).trim().split('\n').slice(1), own);
  t.end();
});

t.test('what placeholders have said is not said again', (t) => {
  const text = '-name riak-3@127.7.7.2\n-setcookie x\n-kernel inet_dist_listen_min 1 inet_dist_listen_max 2\n';
  t.strictSame(completeIdentity(text, identity).split('\n'), [
    '-name riak-3@127.7.7.2',
    '-kernel inet_dist_listen_min 1 inet_dist_listen_max 2',
    '-start_epmd false',
    '-kernel inet_dist_use_interface {127,7,7,2}',
    '',
  ]);
  t.end();
});

t.test('only addresses of version 4 bind the distribution', (t) => {
  t.notMatch(replaceIdentity('', { ...identity, address: '::1' }), /use_interface/);
  t.notMatch(replaceIdentity('', { ...identity, distributionPort: 0 }), /listen/);
  t.end();
});

t.test('which files are arguments of a virtual machine', (t) => {
  t.strictSame(['vm.args', 'etc/vm.args', 'releases/1/vm.args.src', 'releases/1/remote.vm.args', 'vm.args.bak'].filter(isVmArgs), ['vm.args', 'etc/vm.args', 'releases/1/vm.args.src']);
  t.end();
});
