import t from 'tap';
import * as agent from '@wombat/proto/agent';
import * as control from '@wombat/proto/control';
import type { Identity, Permission } from './identity.js';
import { methodTable, MethodTable, type MethodPaths } from './method-table.js';

const definitions: MethodPaths[] = Object.entries({ ...agent, ...control })
  .filter(([name]) => name.endsWith('ServiceService'))
  .map(([, definition]) => ({ definition: definition as unknown as MethodPaths['definition'] }));

/** Of grpc-health-check and @grpc/reflection; the doors' own test takes them from there. */
const libraries: MethodPaths = {
  definition: Object.fromEntries(Object.keys(methodTable).filter((path) => path.startsWith('/grpc.')).map((path) => [path, { path }])),
};

const nobody: Identity = { kind: 'none' };
const host: Identity = { kind: 'host', hostId: 'host-aaaaaaaaaaaa', fingerprint: 'f' };
const operator = (...permissions: Permission[]): Identity => ({ kind: 'operator', id: 'opr-aaaaaaaaaaaa', name: 'somebody', permissions });

void t.test('every method of the contracts is in the table, and no other', (test) => {
  test.ok(definitions.length >= 12, `the services of both contracts are looked at, ${definitions.length}`);
  test.doesNotThrow(() => new MethodTable().assertComplete([...definitions, libraries]), 'complete');
  const missing = new MethodTable(Object.fromEntries(Object.entries(methodTable).slice(1)));
  test.throws(() => missing.assertComplete([...definitions, libraries]), { message: /not in the method table: .*Enrol/ }, 'a method without a rule');
  test.throws(() => new MethodTable().assertComplete(definitions), { message: /not served: .*Health/ }, 'a rule without a method');
  test.end();
});

void t.test('strangers may enrol, and nothing else', (test) => {
  const table = new MethodTable();
  for (const path of Object.keys(methodTable)) {
    if (path.endsWith('/Enrol')) test.doesNotThrow(() => table.admit(path, nobody), path);
    else test.throws(() => table.admit(path, nobody), { code: 'WO_UNAUTHENTICATED' }, path);
  }
  test.end();
});

void t.test('hosts and operators do not meet', (test) => {
  const table = new MethodTable();
  const all = operator('read', 'write', 'exec', 'console', 'admin');
  for (const [path, rule] of Object.entries(methodTable)) {
    if (rule.identity === 'anyone') continue;
    const [may, mayNot] = rule.identity === 'host' ? [host, all] : [all, host];
    test.doesNotThrow(() => table.admit(path, may), `${path} admits a ${may.kind}`);
    test.throws(() => table.admit(path, mayNot), { code: 'WO_PERMISSION_DENIED' }, `${path} refuses a ${mayNot.kind}`);
  }
  test.end();
});

void t.test('each permission opens its own methods only', (test) => {
  const table = new MethodTable();
  const others: Record<Permission, Permission[]> = {
    read: ['write', 'exec', 'console', 'admin'],
    write: ['read', 'exec', 'console', 'admin'],
    exec: ['read', 'write', 'console', 'admin'],
    console: ['read', 'write', 'exec', 'admin'],
    admin: ['read', 'write', 'exec', 'console'],
  };
  for (const [path, rule] of Object.entries(methodTable)) {
    if (rule.identity !== 'operator') continue;
    test.doesNotThrow(() => table.admit(path, operator(rule.permission)), `${path} with ${rule.permission}`);
    test.throws(() => table.admit(path, operator(...others[rule.permission])), { code: 'WO_PERMISSION_DENIED' }, `${path} with all but ${rule.permission}`);
  }
  test.end();
});

void t.test('what is not listed does not exist, also names that every object has', (test) => {
  for (const path of ['/wombat.control.v1.FamilyService/Nothing', 'constructor', '__proto__', 'toString', '']) {
    test.throws(() => new MethodTable().admit(path, operator('admin')), { code: 'WO_METHOD_UNKNOWN' }, JSON.stringify(path));
  }
  test.end();
});
