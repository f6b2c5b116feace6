import type { Provider as ProviderMessage } from '@wombat/proto/control';
import type { Provider } from '../../../domain/model/provider.js';
import { dateOf, errorView, metadataView } from './common.js';

export function providerView(provider: Provider): ProviderMessage {
  const hidden = Object.fromEntries(Object.keys(provider.sealedSecrets).map((name) => [name, '***']));
  return {
    metadata: metadataView(provider),
    driver: provider.driver,
    settings: JSON.stringify({ ...provider.settings, ...hidden }),
    identity: provider.identity,
    verifiedAt: dateOf(provider.verifiedAt),
    lastError: errorView(provider.lastError),
  };
}
