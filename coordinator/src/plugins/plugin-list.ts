import type { Plugin } from '@wombat/proto/control';
import type { Catalog } from './catalog.js';
import { RemoteDriver } from './programs/remote-driver.js';

/** The plugins as the API tells of them. */
export function pluginList(catalog: Catalog): Plugin[] {
  return catalog.list().map(({ source, plugin }) => ({ source, description: plugin.description, trouble: plugin instanceof RemoteDriver ? (plugin.trouble ?? '') : '' }));
}
