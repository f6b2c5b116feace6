import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { WombatError } from '@wombat/proto';
import { z } from 'zod';

/** Name of the manifest in the archive; it is the first entry. */
export const manifestName = 'manifest.json';
export const storeName = 'store/wombat.db';
export const configurationName = 'wombat.toml';

/** Folders that an archive may have; everything else in it lies beside the manifest. */
export const folders = ['store', 'ca', 'blobs'] as const;
const name = '[A-Za-z0-9][A-Za-z0-9._-]{0,99}';
export const pathPattern = new RegExp(`^(?:(?:${folders.join('|')})/)?${name}$`);

const schema = z.strictObject({
  format: z.literal(1),
  version: z.string().max(64),
  clusterId: z.string().regex(/^[a-z2-7]{12}$/),
  createdAt: z.number().int().nonnegative(),
  files: z.array(z.strictObject({
    path: z.string().regex(pathPattern),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    sizeBytes: z.number().int().nonnegative(),
    mode: z.union([z.literal(0o600), z.literal(0o644)]),
  })),
});

/** What is in an archive. */
export type BackupManifest = z.infer<typeof schema>;
export type BackupFile = BackupManifest['files'][number];

/** @throws WombatError WO_BACKUP_INVALID */
export function parseManifest(text: string): BackupManifest {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new WombatError('WO_BACKUP_INVALID', `${manifestName} in the archive is no JSON`, { cause: error });
  }
  if ((document as { format?: unknown } | null)?.format !== 1) {
    throw new WombatError('WO_BACKUP_INVALID', 'the archive has another format than this version reads', { hint: 'restore it with the version that made it' });
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new WombatError('WO_BACKUP_INVALID', `${manifestName} in the archive: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`);
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
