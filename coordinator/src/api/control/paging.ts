import { limits, WombatError } from '@wombat/proto';
import type { PageRequest } from '@wombat/proto/control';
import type { PageQuery, Kind, Where } from '../../store/store.js';

/** Names that a filter may use, each with the indexed field it means and, when needed, how its value is found. */
export type FilterFields<K extends Kind> = Readonly<Record<string, FilterField<K>>>;
export interface FilterField<K extends Kind> {
  readonly field: keyof Where<K>;
  /** Ids for names. @default the text itself */
  readonly resolve?: (text: string) => Promise<string>;
}

/**
 * A list request as the store understands it.
 * @throws WombatError WO_INVALID_ARGUMENT for an unknown field or order
 */
export async function pageQuery<K extends Kind>(request: PageRequest | undefined, fields: FilterFields<K>, fixed: Where<K> = {}): Promise<PageQuery<K>> {
  const where: Record<string, unknown> = { ...fixed };
  for (const term of (request?.filter ?? '').split(',').map((text) => text.trim()).filter(Boolean)) {
    const [name = '', ...rest] = term.split('=');
    const field = Object.hasOwn(fields, name.trim()) ? fields[name.trim()] : undefined;
    if (!field || rest.length === 0) {
      throw new WombatError('WO_INVALID_ARGUMENT', `the filter ${JSON.stringify(term)} is not of the form field=value`, {
        hint: `fields here: ${Object.keys(fields).join(', ') || 'none'}`,
      });
    }
    const text = rest.join('=').trim();
    where[field.field as string] = field.resolve ? await field.resolve(text) : text;
  }
  return {
    where: where as Where<K>,
    pageSize: Math.min(request?.pageSize || limits.pageSizeDefault, limits.pageSizeMaximum),
    ...(request?.pageToken ? { pageToken: request.pageToken } : {}),
    ...orderOf(request?.orderBy ?? ''),
  };
}

function orderOf(text: string): { orderBy: 'createdAt' | 'name'; descending: boolean } {
  const match = /^(created_at|name)?( desc)?$/.exec(text.trim());
  if (!match) throw new WombatError('WO_INVALID_ARGUMENT', `cannot order by ${JSON.stringify(text)}`, { hint: 'order by created_at or name, with " desc" for the reverse' });
  return { orderBy: match[1] === 'name' ? 'name' : 'createdAt', descending: match[2] !== undefined };
}
