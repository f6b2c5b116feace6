import type { Plugin } from '@wombat/proto/control';
import type { Catalog } from './catalog.js';
import type { Plugin as Loaded } from './plugin-shape.js';
import { RemoteDriver } from './programs/remote-driver.js';
import { RemoteStrategy } from './programs/remote-strategy.js';

/** The plugins as the API tells of them. */
export function pluginList(catalog: Catalog): Plugin[] {
  return catalog.list().map(({ source, plugin }) => ({ source, description: plugin.description, trouble: troubleOf(plugin) }));
}

function troubleOf(plugin: Loaded): string {
  const isProgram = plugin instanceof RemoteDriver || plugin instanceof RemoteStrategy;
  return (isProgram ? plugin.trouble : undefined) ?? '';
}
