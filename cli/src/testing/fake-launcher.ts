import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostPhase, ListHostsResponse, ListNodesResponse, ListOperationsResponse, Operation, OperationState } from '@wombat/proto/control';
import { FakeCoordinator } from './fake-coordinator.js';
import { family, metadata, node } from './objects.js';

/**
 * Stands in for the coordinator's program: `--directory D` gets what the real one writes, the control API is
 * a fake with one node on one host, and every call is told in D/calls.
 */
export async function runFakeCoordinator(argv: readonly string[]): Promise<void> {
  const directory = argv[argv.indexOf('--directory') + 1]!;
  const fake = await FakeCoordinator.start();
  let nodes = [node('web-1')];
  let hosts = [{ metadata: metadata('host-aaaaaaaaaaaa', 'local-1'), phase: HostPhase.UP }];
  const finished = Operation.fromPartial({ metadata: metadata('op-aaaaaaaaaaaa'), state: OperationState.SUCCEEDED, finishedAt: new Date() });
  fake.handlers = {
    listProviders: () => ({ providers: [], page: undefined }),
    registerProvider: ({ name }) => ({ provider: { metadata: { ...family().metadata!, name }, driver: 'local', settings: '', identity: '', verifiedAt: undefined, lastError: undefined }, notes: [] }),
    listOperations: () => ListOperationsResponse.fromPartial({}),
    listNodes: () => ListNodesResponse.fromPartial({ nodes }),
    listHosts: () => ListHostsResponse.fromPartial({ hosts }),
    removeNodes: () => ((nodes = []), { operation: finished, data: [] }),
    removeHost: () => ((hosts = []), { operation: finished }),
    watchOperation: async function* () {
      yield { kind: { $case: 'operation', value: finished } };
    },
  };
  await mkdir(join(directory, 'ca'), { recursive: true });
  await copyFile(join(fake.configDirectory, 'ca.pem'), join(directory, 'ca', 'ca.crt'));
  await copyFile(join(fake.configDirectory, 'operator.token'), join(directory, 'operator.token'));
  await writeFile(join(directory, 'addresses.new'), JSON.stringify({ control: fake.address, agents: '127.0.0.1:1' }));
  await rename(join(directory, 'addresses.new'), join(directory, 'addresses.json'));
  process.on('SIGTERM', () => {
    void writeFile(join(directory, 'calls'), JSON.stringify(fake.calls)).then(() => fake.stop()).then(() => process.exit(0));
  });
}
