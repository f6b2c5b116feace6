import type { ArtifactBlobs } from '../fleet/services/artifact-service.js';
import type { AgentPackages } from './agent-packages.js';

/** What agents fetch: packages of the agent, and whatever else there is. */
export class AgentArtifacts implements ArtifactBlobs {
  constructor(
    private readonly packages: Pick<AgentPackages, 'openDigest'>,
    private readonly others: ArtifactBlobs,
  ) {}

  async *open(sha256: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const found = await this.packages.openDigest(sha256, offset);
    yield* (found?.content as AsyncIterable<Uint8Array> | undefined) ?? this.others.open(sha256, offset, signal);
  }
}
