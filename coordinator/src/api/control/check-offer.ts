import { nearest, withDeadline, WombatError } from '@wombat/proto';
import type { Provider } from '../../domain/model/provider.js';
import type { ProviderDirectory } from '../../engine/ports.js';

export interface Offer {
  readonly image: string;
  readonly hardwareProfile: string;
  readonly region: string;
}

const timeoutMs = 30_000;
const pageSize = 1_000;

/**
 * A domain names what its provider has, by id or name; answered are the ids.
 * @throws WombatError WO_PROVIDER_INVALID with the nearest that there is
 */
export async function checkOffer(directory: ProviderDirectory, provider: Provider, offer: Offer, signal: AbortSignal): Promise<Pick<Offer, 'image' | 'hardwareProfile'>> {
  const calls = await directory.get(provider);
  const context = { signal: withDeadline(timeoutMs, `asking provider ${provider.name} what it has`, signal) };
  const images = await calls.listImages({ region: offer.region, query: offer.image, pageSize, pageToken: '' }, context);
  const image = idOf('image', offer.image, images.images, `wo provider images ${provider.name}`);
  const profiles = await calls.listHardwareProfiles({ region: offer.region, query: '', pageSize, pageToken: '' }, context);
  const hardwareProfile = idOf('hardware profile', offer.hardwareProfile, profiles.hardwareProfiles, `wo provider hardware ${provider.name}`);
  return { image, hardwareProfile };
}

function idOf(what: string, wanted: string, offered: readonly { readonly id: string; readonly name: string }[], command: string): string {
  const found = offered.find(({ id }) => id === wanted) ?? offered.find(({ name }) => name === wanted);
  if (found) return found.id;
  const meant = nearest(wanted, offered.flatMap(({ id, name }) => [id, name]));
  throw new WombatError('WO_PROVIDER_INVALID', `the provider has no ${what} ${JSON.stringify(wanted.slice(0, 80))}`, {
    hint: `${meant === undefined ? '' : `did you mean ${meant}? `}see what there is: ${command}`,
  });
}
