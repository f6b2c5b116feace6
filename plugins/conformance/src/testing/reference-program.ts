import { serve } from '@wombat/plugin-sdk';
import { pluginCookie, pluginProtocol, pluginVariables, ProviderServiceService as methods } from '@wombat/proto/plugin';
import { referenceProvider } from './reference-provider.js';

// The reference provider as a program. Its argument is the check that it breaks.
const [broken = ''] = process.argv.slice(2);

if (broken === 'run-by-hand') {
  process.env[pluginCookie.name] = pluginCookie.value;
  process.env[pluginVariables.protocols] ??= String(pluginProtocol);
}
if (broken === 'future-fields') refuseUnknownFields();

await serve(referenceProvider(broken));

function refuseUnknownFields(): void {
  const { requestDeserialize, requestSerialize } = methods.listHosts;
  Object.assign(methods.listHosts, {
    requestDeserialize(bytes: Buffer) {
      const request = requestDeserialize(bytes);
      if (requestSerialize(request).length !== bytes.length) throw new Error('there are fields that are not known');
      return request;
    },
  });
}
