import { ListProvidersRequest, ProviderServiceService, RegisterProviderRequest } from '@wombat/proto/control';
import type { Control } from '../control/control.js';
import { newMutation } from '../control/mutation.js';

/** A dev coordinator has the provider `local` from the beginning: hosts on this machine. */
export async function ensureLocalProvider(control: Control): Promise<void> {
  const { providers } = await control.call(ProviderServiceService.listProviders, ListProvidersRequest.fromPartial({ page: { filter: 'driver=local' } }));
  if (providers.length > 0) return;
  await control.call(ProviderServiceService.registerProvider, RegisterProviderRequest.fromPartial({ mutation: newMutation(), name: 'local', driver: 'local' }));
}
