import { PluginKind, PluginServiceService } from '@wombat/proto/plugin';
import { apiVersions, pluginNamePattern } from '@wombat/plugin-sdk';
import type { Bounds } from '../bounds.js';
import { expect, type Check } from '../check.js';
import type { RunningProgram } from '../run/running-program.js';

/** What is needed of a run of any plugin. */
interface Startable {
  readonly bounds: Bounds;
  readonly site: { start(): Promise<RunningProgram>; end(): Promise<unknown> };
}

export const handshake = handshakeOf('a provider', PluginKind.PROVIDER, apiVersions.provider);
export const strategyHandshake = handshakeOf('a bootstrap strategy', PluginKind.BOOTSTRAP_STRATEGY, apiVersions.bootstrapStrategy);

function handshakeOf(what: string, kind: PluginKind, apiVersion: string): Check<Startable, unknown> {
  return {
    name: 'handshake',
    promise: 'serves within 2 s of its start, is healthy, and names itself',
    advice: `Load large libraries when they are first used. Name, kind, version and \`${apiVersion}\` belong into the answer of \`PluginService.Describe\`; serve gRPC health for \`plugin\`.`,
    async run({ site, bounds }) {
      const subject = await site.start();
      try {
        expect(subject.startedInMs <= bounds.handshakeMs, `it served after ${Math.round(subject.startedInMs)} ms`);
        const { description } = await subject.call(PluginServiceService.describe, {});
        expect(description !== undefined, 'Describe answers without a description');
        expect(pluginNamePattern.test(description.name), `its name ${JSON.stringify(description.name)} is not made of lower-case letters, digits and dashes`);
        expect(description.kind === kind, `it does not say that it is ${what}`);
        expect(description.version !== '', 'it names no version of its own');
        expect(description.apiVersions.includes(apiVersion), `it does not speak ${apiVersion}`);
      } finally {
        // The next check begins with another.
        await site.end();
      }
      return `${Math.round(subject.startedInMs)} ms`;
    },
  };
}
