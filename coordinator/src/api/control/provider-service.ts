import { checkName, quoted, withDeadline, WombatError, type Clock, type Ids } from '@wombat/proto';
import { ProviderServiceService, type RegisterProviderRequest } from '@wombat/proto/control';
import { NoteLevel, type Note } from '@wombat/proto/plugin';
import type { Driver } from '../../plugins/plugin-shape.js';
import type { Provider } from '../../domain/model/provider.js';
import { findObject } from '../../engine/find-object.js';
import type { ProviderCalls, ProviderDirectory, Secrets } from '../../engine/ports.js';
import { presentHostPhases } from '../../domain/states/host-states.js';
import type { NewObject, Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery, pageSizeOf } from './paging.js';
import { providerView } from './views/provider-view.js';

export interface ProviderServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly drivers: { driver(name: string): Driver };
  readonly directory: ProviderDirectory;
}

const verifyTimeoutMs = 30_000;

export function providerService(options: ProviderServiceOptions): Service {
  const { store, directory } = options;
  const find = (reference: string): Promise<Provider> => findObject(store.read, 'providers', reference);
  const calls = async (reference: string): Promise<Awaited<ReturnType<ProviderDirectory['get']>>> => directory.get(await find(reference));
  return implement(ProviderServiceService, {
    async registerProvider(request, context) {
      const { fresh, settings, notes } = await prepare(options, request);
      const trial = directory.open({ id: fresh.id, name: fresh.name, driver: fresh.driver, settings });
      const identity = await verify(trial, fresh.name, context.signal).finally(() => trial.close());
      const provider = await mutate(store, request.mutation, async (transaction) => {
        const stored = await transaction.providers.insert({ ...fresh, identity: identity.identity, verifiedAt: options.clock.now() });
        await transaction.events.append({
          type: 'provider.registered', subjectId: stored.id, subjectName: stored.name, reason: 'registered',
          message: `provider ${stored.name} (${stored.driver}) was registered: ${identity.identity}`,
        });
        return stored;
      });
      return { provider: providerView(provider), notes: [...notes, ...identity.notes] };
    },
    async listProviders(request) {
      const page = await store.read.providers.page(await pageQuery<'providers'>(request.page, { driver: { field: 'driver' }, name: { field: 'name' } }));
      return { providers: page.items.map(providerView), page: { nextPageToken: page.nextPageToken } };
    },
    async getProvider(request) {
      return { provider: providerView(await find(request.provider)) };
    },
    async verifyProvider(request, context) {
      const provider = await find(request.provider);
      const identity = await verify(await directory.get(provider), provider.name, context.signal);
      const verified = await mutateObject(store, undefined, 'providers', provider.id, (transaction, current) =>
        transaction.providers.update({ ...current, identity: identity.identity, verifiedAt: options.clock.now() }),
      );
      return { provider: providerView(verified), notes: [...identity.notes] };
    },
    async listImages(request, context) {
      const provider = await calls(request.provider);
      const answer = await provider.listImages(
        { region: request.region, query: request.query, pageSize: pageSizeOf(request.page), pageToken: request.page?.pageToken ?? '' },
        { signal: context.signal },
      );
      return { images: [...answer.images], page: { nextPageToken: answer.nextPageToken } };
    },
    async listHardwareProfiles(request, context) {
      const provider = await calls(request.provider);
      const answer = await provider.listHardwareProfiles(
        { region: request.region, query: '', pageSize: pageSizeOf(request.page), pageToken: request.page?.pageToken ?? '' },
        { signal: context.signal },
      );
      return { hardwareProfiles: [...answer.hardwareProfiles], page: { nextPageToken: answer.nextPageToken } };
    },
    async removeProvider(request) {
      const removed = await mutateObject(store, request.mutation, 'providers', request.provider, async (transaction, provider) => {
        const [domain] = await transaction.domains.find({ providerId: provider.id });
        if (domain) throw new WombatError('WO_IN_USE', `provider ${provider.name} is used by domain ${domain.id}`, { hint: `remove it first: wo family remove-domain ${domain.id}` });
        const [host] = await transaction.hosts.find({ providerId: provider.id, phase: presentHostPhases });
        if (host) throw new WombatError('WO_IN_USE', `provider ${provider.name} still has host ${host.name}`, { hint: `remove it first: wo host remove ${quoted(host.name)}` });
        await transaction.providers.delete(provider.id);
        await transaction.events.append({
          type: 'provider.removed', subjectId: provider.id, subjectName: provider.name, reason: 'removed', message: `provider ${provider.name} was removed`,
        });
        return provider.id;
      });
      if (!request.mutation?.dryRun) await directory.remove(removed);
      return {};
    },
  });
}

interface Prepared {
  readonly fresh: NewObject<Provider>;
  /** Secrets included. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly notes: readonly Note[];
}

async function prepare(options: ProviderServiceOptions, request: RegisterProviderRequest): Promise<Prepared> {
  checkName('provider', request.name);
  const driver = options.drivers.driver(request.driver);
  const { notes, settings } = await driver.validate({ ...request.settings, ...credentialsOf(driver, request.credentials) });
  const broken = notes.filter((note) => note.level === NoteLevel.ERROR);
  if (broken.length > 0) {
    throw new WombatError('WO_SETTINGS_INVALID', broken.map((note) => `${note.field || 'settings'}: ${note.message}`).join('; '), {
      hint: `see the settings of the driver: wo plugin show ${driver.description.name}`,
    });
  }
  const id = options.ids.next('prv');
  const open: Record<string, unknown> = {};
  const sealedSecrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (driver.secretSettings.includes(name)) sealedSecrets[name] = options.secrets.seal(id, Buffer.from(String(value)));
    else open[name] = value;
  }
  const fresh = {
    id, name: request.name, generation: 1, observedGeneration: 1, driver: driver.description.name, settings: open, sealedSecrets, identity: '',
  };
  return { fresh, settings, notes };
}

function credentialsOf(driver: Driver, credentials: readonly string[]): Record<string, string> {
  const names = driver.credentialSettings;
  if (credentials.length > names.length) {
    const takes = names.length === 0 ? 'takes no credentials' : `takes ${names.length}: ${names.join(', ')}`;
    throw new WombatError('WO_CREDENTIALS_UNEXPECTED', `driver ${driver.description.name} ${takes}, not ${credentials.length}`, {
      hint: names.length === 0 ? `wo register-provider NAME ${driver.description.name}` : `wo register-provider NAME ${names.map((name) => name.toUpperCase()).join(' ')} ${driver.description.name}`,
    });
  }
  return Object.fromEntries(credentials.map((value, index) => [names[index]!, value]));
}

async function verify(calls: ProviderCalls, name: string, signal: AbortSignal): Promise<{ identity: string; notes: readonly Note[] }> {
  return calls.verify({ signal: withDeadline(verifyTimeoutMs, `verifying provider ${name}`, signal) });
}
