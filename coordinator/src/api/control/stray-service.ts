import { orAborted, withDeadline, WombatError, type Clock } from '@wombat/proto';
import { StrayKind, StrayServiceService, type Stray as StrayMessage, type UnreadableProvider } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import type { Provider } from '../../domain/model/provider.js';
import type { Stray } from '../../domain/model/stray.js';
import { storedError } from '../../engine/events.js';
import { findObject } from '../../engine/find-object.js';
import type { StraySweep } from '../../engine/machines/stray-sweep.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate } from './mutation.js';
import { pageQuery } from './paging.js';
import { dateOf, enumOf, errorView, metadataView } from './views/common.js';

export interface StrayServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly sweep: Pick<StraySweep, 'sweep'>;
}

const sweepTimeoutMs = 60_000;
const maximumStrays = 1_000;

export function strayService({ store, clock, sweep }: StrayServiceOptions): Service {
  const viewsOf = async (strays: readonly Stray[]): Promise<StrayMessage[]> => {
    const providers = await store.read.providers.names(strays.map(({ providerId }) => providerId));
    const hosts = await store.read.hosts.names(strays.map(({ hostId }) => hostId));
    return strays.map((stray) => strayView(stray, providers.get(stray.providerId) ?? '', hosts.get(stray.hostId) ?? ''));
  };
  /** All at once: who is slow holds up nobody. */
  const sweepAll = async (providers: readonly Provider[], signal: AbortSignal): Promise<UnreadableProvider[]> => {
    const ends = await Promise.allSettled(providers.map((provider) => orAborted(sweep.sweep(provider), withDeadline(sweepTimeoutMs, `asking ${provider.name} for its machines`, signal))));
    signal.throwIfAborted();
    return ends.flatMap((end, index) => {
      const { id, name } = providers[index]!;
      return end.status === 'fulfilled' ? [] : [{ providerId: id, providerName: name, error: errorView(storedError(end.reason)) }];
    });
  };
  return implement(StrayServiceService, {
    async listStrays(request, context) {
      const query = await pageQuery<'strays'>(request.page, {
        provider: { field: 'providerId', resolve: async (text) => (await findObject(store.read, 'providers', text)).id },
        kind: { field: 'kind' },
      });
      const asked = [query.where?.providerId ?? []].flat() as readonly string[];
      const providers = request.refresh ? (await store.read.providers.find({})).filter(({ id }) => asked.length === 0 || asked.includes(id)) : [];
      const unreadable = await sweepAll(providers, context.signal);
      const page = await store.read.strays.page(query);
      return { strays: await viewsOf(page.items), page: { nextPageToken: page.nextPageToken }, unreadable };
    },
    async removeStrays(request, context) {
      if (request.strays.length === 0 || request.strays.length > maximumStrays) throw new WombatError('WO_INVALID_ARGUMENT', `name 1 to ${maximumStrays} strays, not ${request.strays.length}`);
      const by = principalOf(context.identity);
      const marked = await mutate(store, request.mutation, async (transaction) => {
        const strays: Stray[] = [];
        for (const reference of new Set(request.strays)) {
          const stray = await findObject(transaction, 'strays', reference);
          strays.push(stray.removal ? stray : await transaction.strays.update({ ...stray, removal: { by, askedAt: clock.now() } }));
        }
        return strays.map(({ id, providerId }) => ({ id, providerId }));
      });
      if (request.mutation?.dryRun) return { remaining: [] };
      const providers = await Promise.all([...new Set(marked.map(({ providerId }) => providerId))].map((id) => store.read.providers.get(id)));
      const unreadable = new Map((await sweepAll(providers.filter((each) => each !== undefined), context.signal)).map((each) => [each.providerId, each.error]));
      const left = (await Promise.all(marked.map(({ id }) => store.read.strays.get(id)))).filter((stray) => stray !== undefined);
      const views = await viewsOf(left);
      return { remaining: views.map((view) => ({ ...view, lastError: view.lastError ?? unreadable.get(view.providerId) })) };
    },
  });
}

function strayView(stray: Stray, providerName: string, hostName: string): StrayMessage {
  const { providerId, machineId, key, hostId, reason } = stray;
  return {
    metadata: metadataView(stray),
    kind: enumOf<StrayKind>(StrayKind, stray.kind),
    providerId, providerName, machineId, key, hostId, hostName, reason,
    removalAskedAt: dateOf(stray.removal?.askedAt),
    lastError: errorView(stray.lastError),
  };
}
