import { ListStraysRequest, RemoveStraysRequest, RemoveStraysResponse, Stray, StrayServiceService, strayKindToJSON, type UnreadableProvider } from '@wombat/proto/control';
import { exitCodes } from '@wombat/proto';
import { defineCommand } from '../command.js';
import type { Control } from '../control/control.js';
import { newMutation } from '../control/mutation.js';
import { allPages, filterOf } from '../control/paging.js';
import { flag, text } from '../options.js';
import type { Column } from '../output/table.js';
import { relative } from '../output/time.js';
import { count, word } from '../output/words.js';
import type { Runtime } from '../runtime.js';
import { confirm } from './confirm.js';

/** The coordinator takes no more at once. */
const atOnce = 1_000;

export const gc = defineCommand({
  description: [
    'Asks every provider for the machines of this cluster. An orphan is a machine without a host: it is destroyed. A ghost is a host whose',
    'machine is not there any more: the host fails, and its nodes with it. Machines of other clusters are never touched.',
    'Each is looked at again before anything happens to it; what could not be removed is tried again by the coordinator.',
  ].join('\n'),
  examples: [
    { command: 'wo gc --plan', explanation: 'what would be removed, and why; nothing is' },
    { command: 'wo gc --provider "My EC2 Account" --yes', explanation: 'of one provider, in a script' },
  ],
  arguments: {},
  options: {
    plan: flag('--plan', 'show what would be removed, and remove nothing'),
    provider: text('--provider <provider>', 'of this provider only', 'provider'),
  },
  async run(runtime, _, { plan, provider }) {
    const control = await runtime.control();
    const { strays, unreadable } = await found(control, provider);
    for (const each of unreadable) runtime.print.warn(`${each.providerName} could not be asked; what is known of it is older: ${each.error?.message ?? ''}`);
    const isShown = plan || strays.length === 0 || !runtime.print.isForPrograms;
    if (isShown) await runtime.print.list({ items: strays, columns: columns(runtime.clock.now()), key: 'strays', toJson: Stray.toJSON, nothing: 'every machine has its host, and every host its machine' });
    if (plan || strays.length === 0) return unreadable.length > 0 ? exitCodes.failed : exitCodes.done;
    const orphans = strays.filter((stray) => kindOf(stray) === 'orphan').length;
    await confirm(runtime, `this destroys ${count(orphans, 'machine')} and fails ${count(strays.length - orphans, 'host')}`, ['these', 'all']);
    return await remove(runtime, control, strays);
  },
});

async function found(control: Control, provider: string | undefined): Promise<{ strays: Stray[]; unreadable: UnreadableProvider[] }> {
  const unreadable: UnreadableProvider[] = [];
  let refresh = true;
  const strays = await allPages(async (page) => {
    const answer = await control.call(StrayServiceService.listStrays, ListStraysRequest.fromPartial({ page, refresh }));
    refresh = false;
    unreadable.push(...answer.unreadable);
    return { items: answer.strays, page: answer.page };
  }, { filter: filterOf({ provider }) });
  return { strays, unreadable };
}

async function remove(runtime: Runtime, control: Control, strays: readonly Stray[]): Promise<number> {
  const remaining: Stray[] = [];
  for (let first = 0; first < strays.length; first += atOnce) {
    const ids = strays.slice(first, first + atOnce).map(({ metadata }) => metadata?.id ?? '');
    const answer = await control.call(StrayServiceService.removeStrays, RemoveStraysRequest.fromPartial({ mutation: newMutation(), strays: ids }));
    remaining.push(...answer.remaining);
  }
  for (const stray of remaining) runtime.print.warn(`${kindOf(stray)} ${stray.machineId} is still there: ${stray.lastError?.message ?? 'it is tried again'}`);
  const removed = strays.length - remaining.length;
  await runtime.print.done(`${removed} of ${strays.length} removed`, RemoveStraysResponse.toJSON({ remaining }));
  if (remaining.length === 0) return exitCodes.done;
  return removed === 0 ? exitCodes.failed : exitCodes.partial;
}

function columns(nowMs: number): readonly Column<Stray>[] {
  return [
    { title: 'KIND', text: kindOf },
    { title: 'PROVIDER', text: (stray) => stray.providerName || stray.providerId },
    { title: 'MACHINE', text: (stray) => stray.machineId },
    { title: 'SINCE', text: (stray) => relative(stray.metadata?.createdAt, nowMs) },
    { title: 'KEY', text: (stray) => stray.key, optional: 2 },
    { title: 'ID', text: (stray) => stray.metadata?.id ?? '', optional: 1 },
    { title: 'WHY', text: (stray) => (stray.lastError ? `${stray.reason}; it could not be removed: ${stray.lastError.message}` : stray.reason) },
  ];
}

function kindOf(stray: Stray): string {
  return word(strayKindToJSON(stray.kind), 'STRAY_KIND_');
}
