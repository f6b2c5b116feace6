import { naturalOrder, WombatError } from '@wombat/proto';
import { outcomes, type Job, type JobTarget } from '../../domain/model/job.js';
import type { Page, PageQuery, Reader, Where } from '../../store/store.js';

/** Outputs of one page: it ends with the target that reaches this. */
const outputBudgetBytes = 16 * 1024 * 1024;
/** Read at a time; each may have 2 MiB of output. */
const portion = 10;

/** A page of a job's targets, within one message. What a page token says is the id that stood last. */
export async function targetsPage(read: Reader, query: PageQuery<'jobTargets'>): Promise<Page<JobTarget>> {
  const ids = await idsInOrder(read, query);
  const from = query.pageToken ? placeBehind(ids, query.pageToken) : 0;
  const items: JobTarget[] = [];
  const upTo = Math.min(ids.length, from + query.pageSize);
  for (let bytes = 0; from + items.length < upTo && bytes < outputBudgetBytes; ) {
    const next = await inOrder(read, ids.slice(from + items.length, Math.min(upTo, from + items.length + portion)));
    // They were there a moment ago: the job is being dropped.
    if (next.length === 0) break;
    items.push(...next);
    bytes += next.reduce((sum, { stdout, stderr }) => sum + stdout.length + stderr.length, 0);
  }
  return { items, nextPageToken: from + items.length < ids.length ? items.at(-1)?.id ?? '' : '' };
}

/** The targets of a job that have an outcome and were not told, a few at a time: each page would sort all of them anew. */
export async function* endedTargets(read: Reader, jobId: string, wasTold: (id: string) => boolean): AsyncGenerator<readonly JobTarget[]> {
  const ids = (await read.jobTargets.ids({ jobId, outcome: outcomes })).filter((id) => !wasTold(id));
  for (let from = 0; from < ids.length; from += portion) yield await inOrder(read, ids.slice(from, from + portion));
}

/**
 * The id of the target that a person means: an exact id, else an exact name, else a unique prefix of an id.
 * @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS
 */
export async function targetIdOf(read: Reader, job: Job, reference: string): Promise<string> {
  const where: Where<'jobTargets'> = { jobId: job.id };
  const heads = await read.jobTargets.heads(where);
  const exact = heads.find(({ targetId }) => targetId === reference) ?? heads.find(({ name }) => name === reference);
  if (exact) return exact.targetId;
  const matches = reference.length >= 3 ? heads.filter(({ targetId }) => targetId.startsWith(reference)) : [];
  if (matches.length === 1) return matches[0]!.targetId;
  const shown = JSON.stringify(reference.slice(0, 80));
  if (matches.length > 1) throw new WombatError('WO_AMBIGUOUS', `several targets of ${job.id} have ids that begin with ${shown}`, { details: { reference: reference.slice(0, 80) } });
  throw new WombatError('WO_NOT_FOUND', `${job.id} has no target ${shown}`, { hint: `see those it has: wo job show ${job.id}` });
}

async function idsInOrder(read: Reader, { where = {}, orderBy, descending }: PageQuery<'jobTargets'>): Promise<string[]> {
  const ids = orderBy === 'name'
    ? (await read.jobTargets.heads(where)).sort((left, right) => naturalOrder(left.name, right.name)).map(({ id }) => id)
    : await read.jobTargets.ids(where);
  return descending ? ids.reverse() : ids;
}

function placeBehind(ids: readonly string[], id: string): number {
  const at = ids.indexOf(id);
  if (at >= 0) return at + 1;
  throw new WombatError('WO_INVALID_ARGUMENT', 'the page token is not one that was handed out for these targets', { hint: 'leave it out to start from the first page' });
}

async function inOrder(read: Reader, ids: readonly string[]): Promise<JobTarget[]> {
  const byId = new Map((await read.jobTargets.many(ids)).map((target) => [target.id, target]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
