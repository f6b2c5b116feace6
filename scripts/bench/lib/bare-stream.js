// A gRPC method both of whose directions carry bytes as they are.
const asItIs = (bytes) => bytes;

export const bareStream = {
  path: '/wombat.bench/Stream', requestStream: true, responseStream: true,
  requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs,
};
