import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AddDomainResponse, CreateFamilyResponse, CreateReleaseRequest, CreateReleaseResponse, OperationState, Provider, type CreateFamilyRequest } from '@wombat/proto/control';
import t from 'tap';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { family, metadata, operation, operationMessage, phaseEvent, startedAt } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';

t.test('the original script: each command gives the next one its id', async (t) => {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const requests: Record<string, unknown> = {};
  const cwd = t.testdir({});
  await writeFile(join(cwd, 'riak.tar'), 'tarball');
  const sha256 = createHash('sha256').update('tarball').digest('hex');
  const done = operation(['riak-1', 'riak-2'], { state: OperationState.SUCCEEDED, progress: { total: 2, done: 2, failed: 0 }, finishedAt: new Date(startedAt.getTime() + 2000) });
  fake.handlers = {
    registerProvider: (request) => ((requests['provider'] = request), { provider: Provider.fromPartial({ metadata: metadata('prv-aaaaaaaaaaaa', request.name), driver: request.driver }), notes: [] }),
    uploadArtifact: async (all) => {
      let size = 0;
      for await (const { kind } of all) size += kind?.$case === 'data' ? kind.value.length : 0;
      return { sha256, sizeBytes: BigInt(size), existed: false };
    },
    createRelease: (request) => ((requests['release'] = request), CreateReleaseResponse.fromPartial({ release: { metadata: metadata('rel-aaaaaaaaaaaa', request.name), version: '1' } })),
    createFamily: (request) => ((requests['family'] = request), CreateFamilyResponse.fromPartial({ family: family(request.name) })),
    setFirewall: (request) => ((requests['firewall'] = request), { family: family(), warnings: ['the driver local has no firewall'] }),
    attachRelease: (request) => ((requests['attach'] = request), { family: family() }),
    addDomain: (request) => ((requests['domain'] = request), AddDomainResponse.fromPartial({ domain: { metadata: metadata('dom-aaaaaaaaaaaa') } })),
    deployNodes: (request) => ((requests['deploy'] = request), { operation: operation(['riak-1', 'riak-2']) }),
    watchOperation: async function* () {
      yield phaseEvent('riak-1', 'running', 1);
      yield phaseEvent('riak-2', 'running', 2);
      yield operationMessage(done);
    },
  };
  const id = async (...argv: string[]): Promise<string> => {
    const ran = await runWo(fake, argv, { cwd, env: { SECRET: 'abc' } });
    t.equal(ran.exit, 0, `${argv[0]} exits 0: ${ran.stderr}`);
    return ran.stdout;
  };
  t.equal(await id('register-provider', 'My EC2 Account', 'env:SECRET', 'env:SECRET', 'amazon-ec2', '--set', 'region=eu'), 'prv-aaaaaaaaaaaa\n');
  t.match(requests['provider'], { name: 'My EC2 Account', credentials: ['abc', 'abc'], driver: 'amazon-ec2', settings: { region: 'eu' } });
  t.equal(await id('upload-release', 'Riak', 'riak.tar', 'bin/riak start', 'bin/riak stop', 'riak', '-t', 'etc/vm.args'), 'rel-aaaaaaaaaaaa\n');
  t.match(requests['release'], CreateReleaseRequest.fromPartial({
    ...(requests['release'] as CreateReleaseRequest), name: 'Riak', artifacts: [{ sha256, sizeBytes: 7n }],
    manifest: { start: 'bin/riak start', stop: 'bin/riak stop', nodeName: 'riak', templates: ['etc/vm.args'] },
  }));
  t.equal(await id('create-family', 'Riak node family', '--sel', 'random', '--clust', 'custom', '--clust-opt', 'cmd:bin/bootstrap', '--restart-delay', '2s'), 'fam-aaaaaaaaaaaa\n');
  t.match(requests['family'], { name: 'Riak node family', selector: 'random', bootstrap: { strategy: 'custom', options: { cmd: 'bin/bootstrap' } }, restart: { delay: { seconds: 2n } } });
  t.match((requests['family'] as CreateFamilyRequest).mutation?.requestId, /^[0-9a-f-]{36}$/, 'a request id, so that a retry is the same request');
  t.equal(await id('set-firewall', 'fam-a', '--fw-rule', 'tcp:8096:8099'), '', 'nothing was created, so nothing is on stdout');
  t.match(requests['firewall'], { family: 'fam-a', rules: [{ protocol: 'tcp', fromPort: 8096, toPort: 8099 }] });
  t.equal(await id('attach-release', 'fam-a', 'rel-a'), '');
  t.equal(await id('add-domain', 'fam-a', 'prv-a', 'disk', 'large', '--nodes-per-host', '2', '--label', 'tier=gold'), 'dom-aaaaaaaaaaaa\n');
  t.match(requests['domain'], { family: 'fam-a', provider: 'prv-a', image: 'disk', hardwareProfile: 'large', nodesPerHost: 2, labels: { tier: 'gold' } });
  t.equal(await id('deploy-nodes', 'fam-a', '--amount', '2'), 'op-aaaaaaaaaaaa\n');
  t.match(requests['deploy'], { family: 'fam-a', amount: 2 });
});

t.test('on a terminal: a line with the id in it, and what to do next; -q prints the id alone; json is the answer of the API', async (t) => {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = { createFamily: (request) => CreateFamilyResponse.fromPartial({ family: family(request.name) }) };
  const terminal = { stdoutIsTerminal: true, stderrIsTerminal: true, env: { NO_COLOR: '1' } };
  const told = await runWo(fake, ['create-family', 'web'], terminal);
  t.equal(told.stdout, '✓ family web  fam-aaaaaaaaaaaa\n');
  t.match(told.stderr, 'next: wo attach-release web RELEASE');
  const quiet = await runWo(fake, ['create-family', 'web', '-q'], terminal);
  t.same([quiet.stdout, quiet.stderr], ['fam-aaaaaaaaaaaa\n', '']);
  const json = await runWo(fake, ['create-family', 'web', '-o', 'json'], terminal);
  t.match(JSON.parse(json.stdout), { family: { metadata: { id: 'fam-aaaaaaaaaaaa', name: 'web', createdAt: '2026-01-02T03:04:05.000Z' } } });
  t.equal(json.stderr, '');
  t.match((await runWo(fake, ['create-family', 'web', '-o', 'yaml'])).stdout, /^family:\n {2}metadata:\n/);
});

t.test('a literal credential warns once and works', async (t) => {
  const fake = await FakeCoordinator.start();
  const { title } = process;
  t.teardown(() => ((process.title = title), fake.stop()));
  fake.handlers = { registerProvider: (request) => ({ provider: Provider.fromPartial({ metadata: metadata('prv-aaaaaaaaaaaa', request.name) }), notes: [] }) };
  const ran = await runWo(fake, ['register-provider', 'x', 'KEY', 'SECRET', 'amazon-ec2']);
  t.equal(ran.exit, 0);
  t.equal(ran.stderr.match(/warning/g)?.length, 1);
  t.notMatch(ran.stderr, /KEY|SECRET/);
});
