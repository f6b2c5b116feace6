import { isId, WombatError } from '@wombat/proto';
import type { Collection, Kind, Kinds, Reader } from '../store/store.js';
import { hintWithNearest } from './nearest-name.js';

const words: Readonly<Record<Kind, string>> = {
  providers: 'provider', releases: 'release', families: 'family', familyRevisions: 'family revision', domains: 'domain', hosts: 'host', nodes: 'node',
  operations: 'operation', joinTokens: 'join token', hostCertificates: 'certificate', operatorTokens: 'operator token',
  jobs: 'job', jobTargets: 'job target', strays: 'orphan or ghost',
};
const lists: Readonly<Partial<Record<Kind, string>>> = {
  providers: 'wo provider list', releases: 'wo release list', families: 'wo family list', domains: 'wo family show FAMILY', hosts: 'wo host list', nodes: 'wo node list',
  operations: 'wo operation list', jobs: 'wo job list', joinTokens: 'wo token list', operatorTokens: 'wo operator list', strays: 'wo gc --plan',
};

/**
 * The object that a person means, as `lookUp` finds it.
 * @throws WombatError WO_NOT_FOUND with the nearest name there is, WO_AMBIGUOUS
 */
export async function findObject<K extends Kind>(read: Pick<Reader, K>, kind: K, reference: string): Promise<Kinds[K]> {
  const found = await lookUp(read, kind, reference);
  if (found) return found;
  const list = lists[kind];
  const message = `there is no ${words[kind]} ${JSON.stringify(reference.slice(0, 80))}`;
  throw new WombatError('WO_NOT_FOUND', message, list === undefined ? {} : { hint: await hintWithNearest(read, [kind], reference, `see those there are: ${list}`) });
}

/**
 * An exact id, else an exact name, else a unique prefix of an id.
 * Where names may repeat (releases), the newest of that name is meant, or the version behind it: "Shop 0.2.0"; a domain must be told apart by its id.
 * @throws WombatError WO_AMBIGUOUS
 */
export async function lookUp<K extends Kind>(read: Pick<Reader, K>, kind: K, reference: string): Promise<Kinds[K] | undefined> {
  const collection = read[kind] as Collection<K>;
  const exact = isId(reference) ? await collection.get(reference) : undefined;
  if (exact) return exact;
  const named = await collection.find({ name: reference } as never);
  if (named.length > 1 && kind === 'domains') {
    throw new WombatError('WO_AMBIGUOUS', `several families have a domain ${JSON.stringify(reference.slice(0, 80))}`, { hint: `give its id: ${named.slice(0, 5).map(({ id }) => id).join(', ')}` });
  }
  if (named.length > 0) return named.at(-1)!;
  const titled = kind === 'releases' ? await releaseTitled(read[kind] as Collection<'releases'>, reference) : undefined;
  if (titled) return titled as Kinds[K];
  const matches = reference.length >= 3 ? await collection.withPrefix(reference, 2) : [];
  if (matches.length <= 1) return matches[0];
  throw new WombatError('WO_AMBIGUOUS', `several ${words[kind]} ids begin with ${JSON.stringify(reference.slice(0, 80))}`, { details: { reference: reference.slice(0, 80) } });
}

/** "Shop 0.2.0" as it is shown, or "Shop@0.2.0": the newest of that name and version. */
async function releaseTitled(releases: Collection<'releases'>, reference: string): Promise<Kinds['releases'] | undefined> {
  const at = Math.max(reference.lastIndexOf(' '), reference.lastIndexOf('@'));
  if (at <= 0) return undefined;
  return (await releases.find({ name: reference.slice(0, at), version: reference.slice(at + 1) })).at(-1);
}
