import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { LibraryService } from '../doors/grpc-door.js';

/** gRPC health: "" is the coordinator, and each service has an entry under its full name. */
export class HealthService {
  private readonly implementation: HealthImplementation;
  readonly services: readonly LibraryService[];

  constructor(private readonly serviceNames: readonly string[]) {
    this.implementation = new HealthImplementation();
    this.set('NOT_SERVING');
    const services: LibraryService[] = [];
    this.implementation.addToServer({
      addService: (definition, implementation) =>
        void services.push({ definition: definition as ServiceDefinition, implementation: implementation as UntypedServiceImplementation }),
    });
    this.services = services;
  }

  /** Watchers are told at once. */
  set(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const name of ['', ...this.serviceNames]) this.implementation.setStatus(name, status);
  }
}
