import { limits, nearestHint, WombatError } from '@wombat/proto';
import type { PageRequest } from '@wombat/proto/control';
import type { PageQuery, Kind, Where } from '../../store/store.js';

/** Names that a filter may use, each with the indexed field it means and, when needed, how its value is found. */
export type FilterFields<K extends Kind> = Readonly<Record<string, FilterField<K>>>;
export interface FilterField<K extends Kind> {
  readonly field: keyof Where<K>;
  /** Ids for names. @default the text itself */
  readonly resolve?: (text: string) => Promise<string>;
  /** All values there are. @default any */
  readonly values?: readonly string[];
}

/**
 * A list request as the store understands it. A field that is named twice means either value.
 * @throws WombatError WO_INVALID_ARGUMENT for an unknown field, value or order
 */
export async function pageQuery<K extends Kind>(request: PageRequest | undefined, fields: FilterFields<K>, fixed: Where<K> = {}): Promise<PageQuery<K>> {
  const asked = new Map<string, string[]>();
  for (const term of (request?.filter ?? '').split(',').map((text) => text.trim()).filter(Boolean)) {
    const { field, value } = await termOf(term, fields);
    asked.set(field, [...(asked.get(field) ?? []), value]);
  }
  const where = Object.fromEntries([...asked].map(([field, values]) => [field, values.length === 1 ? values[0]! : values]));
  return {
    where: { ...fixed, ...where } as Where<K>,
    pageSize: pageSizeOf(request),
    ...(request?.pageToken ? { pageToken: request.pageToken } : {}),
    ...orderOf(request?.orderBy ?? ''),
  };
}

/** What is left out is the default, what is too large the maximum. */
export function pageSizeOf(request: PageRequest | undefined): number {
  return Math.min(request?.pageSize || limits.pageSizeDefault, limits.pageSizeMaximum);
}

async function termOf<K extends Kind>(term: string, fields: FilterFields<K>): Promise<{ field: string; value: string }> {
  const [name = '', ...rest] = term.split('=');
  const field = Object.hasOwn(fields, name.trim()) ? fields[name.trim()] : undefined;
  if (!field || rest.length === 0) {
    throw new WombatError('WO_INVALID_ARGUMENT', `the filter ${JSON.stringify(term.slice(0, 80))} is not of the form field=value`, {
      hint: `fields here: ${Object.keys(fields).join(', ') || 'none'}`,
    });
  }
  const text = rest.join('=').trim();
  if (field.values && !field.values.includes(text)) {
    throw new WombatError('WO_INVALID_ARGUMENT', `${name.trim()} is never ${JSON.stringify(text.slice(0, 80))}`, { hint: nearestHint(text, field.values, `it is one of ${field.values.join(', ')}`) });
  }
  return { field: field.field as string, value: field.resolve ? await field.resolve(text) : text };
}

function orderOf(text: string): { orderBy: 'createdAt' | 'name'; descending: boolean } {
  const match = /^(created_at|name)?( desc)?$/.exec(text.trim());
  if (!match) throw new WombatError('WO_INVALID_ARGUMENT', `cannot order by ${JSON.stringify(text)}`, { hint: 'order by created_at or name, with " desc" for the reverse' });
  return { orderBy: match[1] === 'name' ? 'name' : 'createdAt', descending: match[2] !== undefined };
}
