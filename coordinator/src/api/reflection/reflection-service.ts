import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LibraryService } from '../doors/grpc-door.js';

type StreamHandler = handleBidiStreamingCall<unknown, unknown>;

/** The only one of either version. */
const method = 'ServerReflectionInfo';

/** Descriptors of all contracts, from the image that `scripts/generate.js` puts into @wombat/proto. */
export function readContracts(): PackageDefinition {
  const image = createRequire(import.meta.url).resolve('@wombat/proto/reflection.binpb');
  return loadFileDescriptorSetFromBuffer(readFileSync(image));
}

/**
 * gRPC reflection (v1 and v1alpha) over the contracts; only the services named are listed. The contracts are read when
 * somebody asks for the first time: that takes as long as all the rest of a start.
 */
export function reflectionServices(serviceNames: readonly string[]): readonly LibraryService[] {
  let filled: readonly LibraryService[] | undefined;
  const fill = (): readonly LibraryService[] => (filled ??= servicesOver({ ...readContracts(), ...loadSync(healthProtoPath) }, serviceNames));
  return servicesOver({}, []).map(({ definition }, index) => ({ definition, implementation: { [method]: (stream: Parameters<StreamHandler>[0]) => (fill()[index]!.implementation[method] as StreamHandler)(stream) } }));
}

function servicesOver(contracts: PackageDefinition, serviceNames: readonly string[]): readonly LibraryService[] {
  const services: LibraryService[] = [];
  new ReflectionService(contracts, { services: [...serviceNames] }).addToServer({
    addService: (definition, implementation) => void services.push({ definition, implementation }),
  });
  return services;
}
