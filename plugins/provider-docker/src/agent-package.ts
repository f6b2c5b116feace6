import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ProviderError, type AgentPackage } from '@wombat/plugin-sdk';

/** Where the installer looks for a package before it fetches it. */
export function placeOf({ sha256 }: AgentPackage): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw ProviderError.unavailable('the package of the agent is named by no sha256');
  return `/opt/wombat-agent/versions/${sha256}`;
}

/** Its bytes, which fail at their end when they are not those that its name stands for. */
export function checked({ sha256, content }: AgentPackage): Readable {
  return Readable.from((async function* () {
    const hash = createHash('sha256');
    for await (const bytes of content as AsyncIterable<Buffer>) {
      hash.update(bytes);
      yield bytes;
    }
    if (hash.digest('hex') !== sha256) throw ProviderError.unavailable(`the package of the agent is damaged: it is not the one of sha256 ${sha256}`);
  })());
}
