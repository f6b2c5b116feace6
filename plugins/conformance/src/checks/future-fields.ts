import type { MethodDefinition } from '@grpc/grpc-js';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { CreateHostsRequest, HostSpec, ProviderServiceService as methods, type CreateHostsResponse } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';
import { futureBytes, withFutureFields } from '../run/future-fields.js';

export const futureFields: Check = {
  name: 'future-fields',
  promise: 'ignores fields that a later version of the contract may bring',
  advice: 'Read requests with code generated from the contract, and do not compare or re-encode their bytes.',
  async run(context) {
    const subject = await context.subject();
    await subject.call(withFutureFields(methods.validate), { settings: JSON.stringify(context.settings) });
    const spec = await context.spec();
    const create: MethodDefinition<CreateHostsRequest, CreateHostsResponse> = {
      ...methods.createHosts,
      requestSerialize: ({ hosts }) => futureBytes(Buffer.concat(hosts.map(hostInRequest))),
    };
    const { results } = await subject.call(create, CreateHostsRequest.fromPartial({ hosts: [spec] }));
    await context.settled();
    const { machines } = await subject.call(withFutureFields(methods.listHosts), { clusterId: subject.clusterId });
    const ours = machines.filter(({ key }) => key === spec.key);
    await subject.call(withFutureFields(methods.destroyHosts), { machineIds: ours.map(({ machineId }) => machineId) });
    expect(results[0]?.outcome?.$case === 'machine', 'it makes no machine for a specification with an unknown field');
    expect(ours.length === 1, 'it does not list the machine when the request has an unknown field');
  },
};

/** Field 1 of CreateHostsRequest. */
function hostInRequest(spec: HostSpec): Buffer {
  return Buffer.from(new BinaryWriter().uint32((1 << 3) | 2).bytes(futureBytes(HostSpec.encode(spec).finish())).finish());
}
