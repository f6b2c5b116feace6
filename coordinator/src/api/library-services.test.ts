import { credentials, loadPackageDefinition, Metadata, Server, ServerCredentials, type GrpcObject, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import * as agent from '@wombat/proto/agent';
import * as control from '@wombat/proto/control';
import { MethodTable, methodTable, type MethodPaths } from '../auth/method-table.js';
import type { LibraryService } from './doors/grpc-door.js';
import { HealthService } from './health/health-service.js';
import { readContracts, reflectionServices } from './reflection/reflection-service.js';

const serviceNames = [...new Set(Object.keys(methodTable).map((path) => path.split('/')[1]!))].filter((name) => name.startsWith('wombat.control.'));

async function served(test: Test, services: readonly LibraryService[]): Promise<string> {
  const server = new Server();
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  test.teardown(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function clientOf(test: Test, contracts: PackageDefinition, name: string, address: string): InstanceType<ServiceClientConstructor> {
  const found = name.split('.').reduce<GrpcObject>((scope, part) => scope[part] as GrpcObject, loadPackageDefinition(contracts));
  const client = new (found as unknown as ServiceClientConstructor)(address, credentials.createInsecure());
  test.teardown(() => client.close());
  return client;
}

void t.test('contracts, health and reflection together fill the method table', (test) => {
  const ours: MethodPaths[] = Object.entries({ ...agent, ...control })
    .filter(([name]) => name.endsWith('ServiceService'))
    .map(([, definition]) => ({ definition: definition as unknown as MethodPaths['definition'] }));
  const libraries = [...new HealthService(serviceNames).services, ...reflectionServices(serviceNames)];
  test.doesNotThrow(() => new MethodTable().assertComplete([...ours, ...libraries]), 'the coordinator would start');
  test.end();
});

void t.test('health tells whether the coordinator serves, to watchers too', async (test) => {
  const health = new HealthService(serviceNames);
  const require = createRequire(import.meta.url);
  const { protoPath } = require('grpc-health-check') as { protoPath: string };
  const address = await served(test, health.services);
  const client = clientOf(test, loadSync(protoPath, { enums: String, defaults: true }), 'grpc.health.v1.Health', address);
  const check = (service: string): Promise<unknown> =>
    new Promise((resolve, reject) => client['check']!({ service }, new Metadata(), (error: Error | null, answer: unknown) => (error ? reject(error) : resolve(answer))));
  test.same(await check(''), { status: 'NOT_SERVING' }, 'before it has started');
  const watch = client['watch']!({ service: 'wombat.control.v1.FamilyService' }) as NodeJS.ReadableStream & { cancel(): void };
  watch.on('error', () => undefined);
  const statuses: unknown[] = [];
  const twice = new Promise<void>((resolve) => watch.on('data', (status) => {
    statuses.push(status);
    if (statuses.length === 1) health.set('SERVING');
    else resolve();
  }));
  await twice;
  test.same(statuses, [{ status: 'NOT_SERVING' }, { status: 'SERVING' }], 'a watcher sees it start');
  test.same(await check(''), { status: 'SERVING' }, 'afterwards');
  await test.rejects(check('no.such.Service'), { code: 5 }, 'an unknown service');
  watch.cancel();
});

void t.test('reflection lists what is served here and answers its descriptors', async (test) => {
  const services = reflectionServices(serviceNames);
  const address = await served(test, services);
  const reflectionProto = createRequire(import.meta.url).resolve('@grpc/reflection').replace(/index\.js$/, '../proto/grpc/reflection/v1/reflection.proto');
  const client = clientOf(test, loadSync(reflectionProto, { defaults: false, oneofs: true }), 'grpc.reflection.v1.ServerReflection', address);
  const call = client['serverReflectionInfo']!() as unknown as NodeJS.ReadWriteStream & { write(message: unknown): boolean };
  call.on('error', () => undefined);
  const ask = (question: object): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      call.once('data', resolve);
      call.write(question);
    });
  const listed = await ask({ listServices: '' });
  const names = (listed['listServicesResponse'] as { service: { name: string }[] }).service.map((one) => one.name).sort();
  test.same(names, [...serviceNames].sort(), 'the control services, not those of agents');
  const described = await ask({ fileContainingSymbol: 'wombat.control.v1.DeployNodesRequest' });
  const files = (described['fileDescriptorResponse'] as { fileDescriptorProto: Buffer[] }).fileDescriptorProto;
  test.ok(files.some((file) => file.includes('DeployNodesRequest')), 'the descriptor of a message');
  test.match(await ask({ fileContainingSymbol: 'grpc.health.v1.Health' }), { messageResponse: 'fileDescriptorResponse' }, 'health is described as well');
  test.match(await ask({ fileContainingSymbol: 'no.such.Symbol' }), { messageResponse: 'errorResponse' }, 'an unknown symbol is not');
  call.end();
});

void t.test('the image is that of the protos as they are', (test) => {
  const image = createRequire(import.meta.url).resolve('@wombat/proto/reflection.binpb');
  const root = join(image, '..', '..');
  const fresh = join(test.testdir(), 'fresh.binpb');
  const options = ['build', '--as-file-descriptor-set', '--output', fresh];
  execFileSync(join(root, 'node_modules', '.bin', 'buf'), options, { cwd: join(root, 'proto') });
  test.ok(readFileSync(fresh).equals(readFileSync(image)), 'proto/reflection.binpb is stale: run `npm run generate`');
  const services = Object.keys(readContracts()).filter((name) => name.endsWith('Service'));
  for (const name of serviceNames) test.ok(services.includes(name), `${name} is in the image`);
  test.end();
});
