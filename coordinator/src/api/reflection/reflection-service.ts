import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LibraryService } from '../doors/grpc-door.js';

/** Descriptors of all contracts, from the image that `scripts/generate.js` puts into @wombat/proto. */
export function readContracts(): PackageDefinition {
  const image = createRequire(import.meta.url).resolve('@wombat/proto/reflection.binpb');
  return loadFileDescriptorSetFromBuffer(readFileSync(image));
}

/** gRPC reflection (v1 and v1alpha) over the contracts; only the services named are listed. */
export function reflectionServices(serviceNames: readonly string[]): readonly LibraryService[] {
  const contracts: PackageDefinition = { ...readContracts(), ...loadSync(healthProtoPath) };
  const services: LibraryService[] = [];
  new ReflectionService(contracts, { services: [...serviceNames] }).addToServer({
    addService: (definition, implementation) => void services.push({ definition, implementation }),
  });
  return services;
}
