import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetFamilyResponse, SetEnvironmentResponse, type CreateFamilyRequest, type SetEnvironmentRequest } from '@wombat/proto/control';
import t from 'tap';
import { FakeCoordinator } from '../../testing/fake-coordinator.js';
import { family } from '../../testing/objects.js';
import { runWo } from '../../testing/run-wo.js';

t.test('secrets by file, environment and standard input; nothing of them is told', async (t) => {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const requests: SetEnvironmentRequest[] = [];
  const created: CreateFamilyRequest[] = [];
  fake.handlers = {
    setEnvironment: (request) => (requests.push(request), SetEnvironmentResponse.fromPartial({ family: family(), outdatedNodes: 2 })),
    createFamily: (request) => (created.push(request), { family: family(request.name), dryRun: false }),
  };
  const cwd = t.testdir({});
  await writeFile(join(cwd, 'key'), 'canary-file\n');
  const options = { cwd, env: { KEY: 'canary-env' }, stdin: 'canary-input\n' };
  const words = ['--secret', 'A=file:key', '--secret', 'B=env:KEY', '--secret', 'C=-'];
  const ran = await runWo(fake, ['family', 'env', 'web', '--set', 'D=x=y', '--unset', 'E', ...words], options);
  t.same([ran.exit, ran.stdout], [0, ''], ran.stderr);
  t.match(requests, [{ family: 'web', environment: { D: 'x=y' }, secrets: { A: 'canary-file', B: 'canary-env', C: 'canary-input' }, unset: ['E'] }]);
  t.match(ran.stderr, '2 nodes have an earlier one until they are updated: wo family update web');
  t.notMatch(ran.stderr, /canary|warning/);
  t.equal((await runWo(fake, ['create-family', 'web', ...words], options)).exit, 0);
  t.match(created, [{ name: 'web', secrets: { A: 'canary-file', B: 'canary-env', C: 'canary-input' } }]);
});

t.test('a secret without a name is not repeated', async (t) => {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  for (const words of [['family', 'env', 'web', '--secret', 'canary'], ['create-family', 'web', '--secret', 'canary'], ['register-provider', 'x', 'local', '--set', 'canary']]) {
    const ran = await runWo(fake, words);
    t.equal(ran.exit, 2, words.join(' '));
    t.match(ran.stderr, /WO_INVALID_ARGUMENT: .*wants KEY=VALUE/);
    t.notMatch(ran.stdout + ran.stderr, 'canary');
  }
  const mistyped = await runWo(fake, ['family', 'env', 'web', '--secrt=A=canary']);
  t.match(mistyped.stderr, "unknown option '--secrt'");
  t.notMatch(mistyped.stdout + mistyped.stderr, 'canary');
  t.same(fake.calls, [], 'and nothing was asked for');
});

t.test('the list: values of what is open, names of what is secret', async (t) => {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const spec = { ...family().spec, environment: { Z: '1' }, secretNames: ['KEY'] };
  fake.handlers = { getFamily: () => GetFamilyResponse.fromPartial({ family: { ...family(), spec } }) };
  const list = async (...more: string[]): Promise<string> => (await runWo(fake, ['family', 'env', 'web', ...more])).stdout;
  t.match((await list()).split('\n'), [/^NAME +VALUE/, /^KEY +\(secret\)/, /^Z +1/, '']);
  t.same(JSON.parse(await list('-o', 'json')), { variables: [{ name: 'KEY', secret: true }, { name: 'Z', value: '1', secret: false }] });
  t.equal(await list('-q'), 'KEY\nZ\n');
  fake.handlers = { getFamily: () => ({ family: family() }) };
  const none = await runWo(fake, ['family', 'env', 'web']);
  t.same([none.stdout, /wo family env web --set/.test(none.stderr)], ['', true]);
});
