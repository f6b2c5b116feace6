import { status, type handleUnaryCall } from '@grpc/grpc-js';
import type { ProviderServiceServer } from '@wombat/proto/plugin';
import type { HostServices } from '../host-services.js';
import { ProviderError } from '../provider-error.js';
import type { CallContext, ProviderInstance, ProviderPlugin } from '../provider.js';
import type { JsonObject } from '../settings.js';
import { failedCall } from '../wire-failure.js';
import { unary } from './unary.js';

export interface ServedProvider {
  readonly handlers: ProviderServiceServer;
  /** Machines stay. */
  close(): Promise<void>;
}

/** One provider behind the wire: what it does is the plugin's own affair, here words are passed on. */
export function serveProvider(plugin: ProviderPlugin, host: () => HostServices): ServedProvider {
  const { abilities } = plugin;
  let connected: Promise<ProviderInstance> | undefined;
  const close = async (): Promise<void> => {
    const before = connected;
    connected = undefined;
    await before?.then((instance) => instance.close?.(), () => undefined);
  };
  const passed = <Q, S>(work: (instance: ProviderInstance, request: Q, context: CallContext) => Promise<S>) =>
    unary<Q, S>(async (request, context) => {
      if (!connected) throw ProviderError.unavailable('the plugin was not configured yet');
      return await work(await connected, request, context);
    }, failedCall);
  const optional = <Q, S>(isAble: boolean, work: Parameters<typeof passed<Q, S>>[0]) => (isAble ? passed(work) : unable);

  const handlers: ProviderServiceServer = {
    describeProvider: unary(() => ({
      description: plugin.description, abilities: plugin.abilities, credentialSettings: [...plugin.credentialSettings],
    }), failedCall),
    validate: unary((request) => {
      const { notes, settings } = plugin.validate(readSettings(request.settings));
      return { notes: [...notes], settings: JSON.stringify(settings) };
    }, failedCall),
    configure: unary(async ({ settings, providerId, clusterId, dataDirectory }) => {
      await close();
      const opening = plugin.connect({ settings: readSettings(settings), providerId, clusterId, dataDirectory, host: host() });
      connected = opening;
      // A failed attempt is forgotten: it may be configured again.
      await opening.catch((error: unknown) => {
        if (connected === opening) connected = undefined;
        throw error;
      });
      return {};
    }, failedCall),
    verify: passed(async (instance, _, context) => {
      const { identity, notes } = await instance.verify(context);
      return { identity, notes: [...notes] };
    }),
    listImages: passed(async (instance, page, context) => {
      const { images, nextPageToken } = await instance.listImages(page, context);
      return { images: [...images], nextPageToken };
    }),
    listHardwareProfiles: passed(async (instance, page, context) => {
      const { hardwareProfiles, nextPageToken } = await instance.listHardwareProfiles(page, context);
      return { hardwareProfiles: [...hardwareProfiles], nextPageToken };
    }),
    listRegions: passed(async (instance, _, context) => ({ regions: [...await instance.listRegions(context)] })),
    listZones: passed(async (instance, { region }, context) => ({ zones: [...await instance.listZones(region, context)] })),
    createHosts: passed(async (instance, { hosts }, context) => ({ results: [...await instance.createHosts(hosts, context)] })),
    listHosts: passed(async (instance, _, context) => ({ machines: [...await instance.listHosts(context)] })),
    destroyHosts: passed(async (instance, { machineIds }, context) => ({ results: [...await instance.destroyHosts(machineIds, context)] })),
    ensureFirewall: optional(abilities.firewall, async (instance, { group, rules }, context) => ({ drift: [...await instance.ensureFirewall!(group, rules, context)] })),
    getQuota: optional(abilities.quota, async (instance, { region }, context) => ({ quotas: [...await instance.getQuota!(region, context)] })),
    listPrices: optional(abilities.prices, async (instance, { region }, context) => ({ prices: [...await instance.listPrices!(region, context)] })),
    getConsoleLog: optional(abilities.consoleLog, async (instance, { machineId }, context) => ({ content: Buffer.from(await instance.getConsoleLog!(machineId, context)) })),
  };
  return { handlers, close };
}

/** Says in the protocol's own way that an optional ability is not there. */
const unable: handleUnaryCall<unknown, never> = (_, callback) =>
  callback({ ...failedCall(ProviderError.invalid('', 'this driver has not this ability')), code: status.UNIMPLEMENTED });

function readSettings(text: string): JsonObject {
  const value: unknown = JSON.parse(text || '{}');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw ProviderError.invalid('settings', 'settings are no JSON object');
  return value as JsonObject;
}
