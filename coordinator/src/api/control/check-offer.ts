import { nearest, quoted, withDeadline, WombatError } from '@wombat/proto';
import type { Provider } from '../../domain/model/provider.js';
import type { ProviderDirectory } from '../../engine/ports.js';

export interface Offer {
  readonly image: string;
  readonly hardwareProfile: string;
  readonly region: string;
}

const timeoutMs = 30_000;
const pageSize = 1_000;

interface Offered {
  readonly id: string;
  readonly name: string;
}

interface Page {
  readonly items: readonly Offered[];
  readonly nextPageToken: string;
}

type ReadPage = (wish: { readonly query: string; readonly pageToken: string }) => Promise<Page>;

/**
 * A domain names what its provider has, by id or name; answered are the ids.
 * @throws WombatError WO_PROVIDER_INVALID with the nearest that there is
 */
export async function checkOffer(directory: ProviderDirectory, provider: Provider, offer: Offer, signal: AbortSignal): Promise<Pick<Offer, 'image' | 'hardwareProfile'>> {
  const calls = await directory.get(provider);
  const context = { signal: withDeadline(timeoutMs, `asking provider ${provider.name} what it has`, signal) };
  const { region } = offer;
  const images: ReadPage = async (wish) => {
    const answer = await calls.listImages({ region, pageSize, ...wish }, context);
    return { items: answer.images, nextPageToken: answer.nextPageToken };
  };
  const profiles: ReadPage = async (wish) => {
    const answer = await calls.listHardwareProfiles({ region, pageSize, ...wish }, context);
    return { items: answer.hardwareProfiles, nextPageToken: answer.nextPageToken };
  };
  return {
    image: await idOf('image', offer.image, images, `wo provider images ${quoted(provider.name)}`),
    hardwareProfile: await idOf('hardware profile', offer.hardwareProfile, profiles, `wo provider hardware ${quoted(provider.name)}`),
  };
}

/** An id that is found ends the search; a name may be that of another, so all of it is looked through. */
async function idOf(what: string, wanted: string, read: ReadPage, command: string): Promise<string> {
  let named: Offered | undefined;
  let pageToken = '';
  do {
    const page = await read({ query: wanted, pageToken });
    const found = page.items.find(({ id }) => id === wanted);
    if (found) return found.id;
    named ??= page.items.find(({ name }) => name === wanted);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  if (named) return named.id;
  const { items } = await read({ query: '', pageToken: '' });
  const meant = nearest(wanted, items.flatMap(({ id, name }) => [id, name]));
  throw new WombatError('WO_PROVIDER_INVALID', `the provider has no ${what} ${JSON.stringify(wanted.slice(0, 80))}`, {
    hint: `${meant === undefined ? '' : `did you mean ${quoted(meant)}? `}see what there is: ${command}`,
  });
}
