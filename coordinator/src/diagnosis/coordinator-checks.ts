import { readdirSync, readFileSync } from 'node:fs';
import { lstat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import type { Finding } from '@wombat/proto/control';
import { armedFailpoints } from '@wombat/proto/failpoints';
import type { StoreTrouble } from '../store/place.js';
import { fail, gibibytes, pass, warn } from './finding.js';

const subject = 'coordinator';
const dayMs = 24 * 60 * 60 * 1000;

export function storeFinding(place: string, trouble: StoreTrouble | undefined): Finding {
  return trouble ? fail(subject, 'store', trouble) : pass(subject, 'store', `the store is whole (${place})`);
}

export async function diskFinding(directory: string): Promise<Finding> {
  const { bavail, bsize, blocks } = await statfs(directory);
  return judgeDisk(subject, bavail * bsize, blocks * bsize);
}

export function judgeDisk(of: string, freeBytes: number, sizeBytes: number): Finding {
  const message = `${gibibytes(freeBytes)} free${sizeBytes > 0 ? ` of ${gibibytes(sizeBytes)}` : ''}`;
  const trouble = { message, hint: 'free space, or make the disk larger', code: 'WO_DISK_FULL' };
  if (freeBytes < 100 * 1024 ** 2) return fail(of, 'disk', trouble);
  return freeBytes < 1024 ** 3 || freeBytes < sizeBytes / 20 ? warn(of, 'disk', trouble) : pass(of, 'disk', message);
}

/** Keys and tokens are their owner's alone. */
export async function permissionsFinding(directory: string): Promise<Finding> {
  const open: string[] = [];
  for (const name of ['', 'secrets.key', 'operator.token', 'ca/ca.key', 'store/wombat.db']) {
    const full = path.join(directory, name);
    const found = await lstat(full).catch(() => undefined);
    if (found && (found.mode & 0o077) !== 0) open.push(full);
  }
  if (open.length === 0) return pass(subject, 'permissions', `${directory} is its owner's alone`);
  return fail(subject, 'permissions', { message: `others may read ${open.join(', ')}`, hint: `chmod go= ${open.join(' ')}`, code: 'WO_KEY_UNUSABLE' });
}

export function certificateFindings(now: number, server: { readonly notAfter: number }, authority: { readonly notAfter: number }): Finding[] {
  const said = (what: string, notAfter: number): string => `${what} is valid until ${new Date(notAfter).toISOString()}`;
  const ofServer = said('the certificate of the coordinator', server.notAfter);
  const ofAuthority = said('the authority of the cluster', authority.notAfter);
  return [
    server.notAfter - now < dayMs
      ? fail(subject, 'certificate', { message: ofServer, hint: 'it should have been renewed: look into the log of the coordinator, and start it again' })
      : pass(subject, 'certificate', ofServer),
    authority.notAfter - now < 90 * dayMs
      ? warn(subject, 'authority', { message: ofAuthority, hint: 'plan for a new cluster authority: agents and contexts will have to learn it' })
      : pass(subject, 'authority', ofAuthority),
  ];
}

export function openFilesFinding(): Finding {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  const limit = match?.[1] === 'unlimited' ? Infinity : Number(match?.[1] ?? 0);
  const used = readdirSync('/proc/self/fd').length;
  const message = `${used} files and connections are open, ${limit} may be`;
  const hint = 'raise the limit: LimitNOFILE= of the unit, or ulimit -n; each agent and each operator needs one';
  return used > limit * 0.8 || limit < 4096 ? warn(subject, 'open files', { message, hint }) : pass(subject, 'open files', message);
}

/** Nothing to tell where there are none. */
export function failpointFindings(): Finding[] {
  const armed = armedFailpoints();
  if (armed === undefined) return [];
  return [warn(subject, 'failpoints', { message: `this coordinator is made to fail: ${armed}`, hint: 'start it again without WOMBAT_FAILPOINTS' })];
}

/** How late a short timer is: the time that every call has to wait. */
export async function loopFinding(): Promise<Finding> {
  const [timerMs, startedAt] = [20, performance.now()];
  await setTimeout(timerMs);
  const lagMs = Math.max(0, Math.round(performance.now() - startedAt - timerMs));
  const message = `calls wait ${lagMs} ms for their turn`;
  return lagMs > 250 ? warn(subject, 'event loop', { message, hint: 'the coordinator has more to do than its processor can: give it a faster or a quieter one' }) : pass(subject, 'event loop', message);
}
