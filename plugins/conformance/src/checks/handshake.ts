import { PluginKind, PluginServiceService } from '@wombat/proto/plugin';
import { apiVersions, pluginNamePattern } from '@wombat/plugin-sdk';
import { expect, type Check } from '../check.js';

export const handshake: Check = {
  name: 'handshake',
  promise: 'serves within 2 s of its start, is healthy, and names itself',
  advice: 'Load large libraries when they are first used. Name, kind, version and `provider.v1` belong into the answer of `PluginService.Describe`; serve gRPC health for `plugin`.',
  async run({ site, bounds }) {
    const subject = await site.start();
    try {
      expect(subject.startedInMs <= bounds.handshakeMs, `it served after ${Math.round(subject.startedInMs)} ms`);
      const { description } = await subject.call(PluginServiceService.describe, {});
      expect(description !== undefined, 'Describe answers without a description');
      expect(pluginNamePattern.test(description.name), `its name ${JSON.stringify(description.name)} is not made of lower-case letters, digits and dashes`);
      expect(description.kind === PluginKind.PROVIDER, 'it does not say that it is a provider');
      expect(description.version !== '', 'it names no version of its own');
      expect(description.apiVersions.includes(apiVersions.provider), `it does not speak ${apiVersions.provider}`);
    } finally {
      // It was not configured: the next check needs another.
      await site.end();
    }
    return `${Math.round(subject.startedInMs)} ms`;
  },
};
