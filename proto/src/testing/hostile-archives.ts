import { limits } from '../limits.js';
import { paxHeader, tarBlocks, tarball, type TarItem } from './tarball.js';

/** An archive that must be refused as WO_ARCHIVE_REFUSED wherever it is read. */
export interface HostileArchive {
  readonly what: string;
  readonly bytes: Buffer;
  /** What the refusal says. */
  readonly reason: RegExp;
  /** The entry that it names: how its name begins. */
  readonly entry: string;
}

const negative = Buffer.from('ffffffffffffffffffffff00', 'hex');
const x = { contents: 'x' };
const raw = (...items: TarItem[]): Buffer => Buffer.concat([...tarBlocks(items)]);

type Row = readonly [what: string, archive: TarItem[] | Buffer, reason: RegExp, entry: string];

const rows: readonly Row[] = [
  ['climbing name', [{ path: 'a', ...x }, { path: '../escaped', ...x }], /\.\./, '../escaped'],
  ['name that climbs in the middle', [{ path: 'a/../../escaped', ...x }], /\.\./, 'a/../../escaped'],
  ['folder that climbs', [{ path: '../escaped/', type: '5' }, { path: 'a', ...x }], /\.\./, '../escaped/'],
  ['absolute name', [{ path: '/tmp/wombat-escaped', ...x }], /absolute/, '/tmp/wombat-escaped'],
  ['absolute name with two slashes', [{ path: '//tmp/wombat-escaped', ...x }], /absolute/, '//tmp/wombat-escaped'],
  ['NUL in a pax name', [{ path: 'x', pax: { path: '../escaped\0' }, ...x }], /NUL/, ''],
  ['NUL in a long name', raw({ path: '././@LongLink', type: 'L', contents: 'good\0../bad\0' }, { path: 'x' }), /NUL/, ''],
  ['line feed in a pax name', [{ path: 'x', pax: { path: 'a\nb' } }], /line feed/, ''],
  ['control characters in a name', [{ path: 'a\u001b[2J', ...x }], /control characters/, 'a'],
  ['name that is no UTF-8', [{ path: 'a\ufffd', ...x }], /UTF-8/, 'a'],
  ['climbing pax name', [{ path: 'x', pax: { path: '../escaped' } }], /\.\./, '../escaped'],
  ['climbing pax link', [{ path: 'l', type: '2', link: 'y', pax: { linkpath: '../../escaped' } }], /leads out/, 'l'],
  ['long name', [{ path: 'n'.repeat(300), ...x }], /255/, 'nnn'],
  ['name of 256 bytes', [{ path: 'n'.repeat(256), ...x }], /255/, 'nnn'],
  ['long path', [{ path: Array<string>(25).fill('p'.repeat(200)).join('/') }], /4096/, 'ppp'],
  ['deep path', [{ path: Array<string>(45).fill('d').join('/') }], /40 folders/, 'd/d'],
  ['link out', [{ path: 'l', type: '2', link: '../../escaped' }], /leads out/, 'l'],
  ['absolute link', [{ path: 'l', type: '2', link: '/etc/passwd' }], /absolute/, 'l'],
  ['link with contents', [{ path: 'l', type: '2', link: 'y', ...x }], /link with contents/, 'l'],
  ['link out of the folder that is left away', [{ path: 'app/a', ...x }, { path: 'app/l', type: '2', link: '../other' }], /leaves the folder/, 'app/l'],
  ['chain of links', [{ path: 'd/s', type: '2', link: '../a' }, { path: 'd/y', type: '2', link: 's/../../escaped' }], /climbs/, 'd/y'],
  ['write through a link that leads out', [{ path: 'l', type: '2', link: '..' }, { path: 'l/escaped', ...x }], /leads out/, 'l'],
  ['write through a link that stays inside', [{ path: 'd/', type: '5' }, { path: 'l', type: '2', link: 'd' }, { path: 'l/x', ...x }], /through the link/, 'l/x'],
  ['write through a link to the folder itself', [{ path: 'a', type: '2', link: '.' }, { path: 'a/b', ...x }], /through the link/, 'a/b'],
  ['file over a link', [{ path: 'l', type: '2', link: 'x' }, { path: 'l', ...x }], /twice/, 'l'],
  ['file below a file', [{ path: 'a', ...x }, { path: 'a/b', ...x }], /below the file/, 'a/b'],
  ['hard link outside', [{ path: 'h', type: '1', link: '/etc/passwd' }], /absolute/, '/etc/passwd'],
  ['hard link that climbs', [{ path: 'h', type: '1', link: '../archive' }], /\.\./, '../archive'],
  ['hard link to nothing', [{ path: 'h', type: '1', link: 'nothing' }], /no earlier/, 'h'],
  ['hard link to a link', [{ path: 'l', type: '2', link: 'x' }, { path: 'h', type: '1', link: 'l' }], /no earlier/, 'h'],
  ['character device', [{ path: 'd', type: '3' }], /CharacterDevice/, 'd'],
  ['block device', [{ path: 'd', type: '4' }], /BlockDevice/, 'd'],
  ['FIFO', [{ path: 'p', type: '6' }], /FIFO/, 'p'],
  ['unknown type', [{ path: 'p', type: 'Z' }], /neither file/, 'p'],
  ['multi-volume', [{ path: 'p', type: 'M' }], /neither file/, 'p'],
  ['old sparse file', [{ path: 'p', type: 'S' }], /neither file/, 'p'],
  ['pax sparse file', [{ path: 'p', pax: { 'GNU.sparse.major': '1' } }], /sparse/, ''],
  ['setuid', [{ path: 'bin/su', mode: 0o4755, ...x }], /setuid or setgid/, 'bin/su'],
  ['setgid', [{ path: 'bin/wall', mode: 0o2755, ...x }], /setuid or setgid/, 'bin/wall'],
  ['negative size', [{ path: 'p', sizeField: negative }], /size/, 'p'],
  ['size that is no number', [{ path: 'p', sizeField: 'abcdefghijk' }], /size/, 'p'],
  ['pax size that is no number', [{ path: 'p', pax: { size: '-5' } }], /size/, ''],
  ['endless pax size', [{ path: 'p', pax: { size: '9999999999999999' } }], /size/, ''],
  ['size beyond the limit', [{ path: 'p', pax: { size: String(limits.expandedBytes + 1) } }], /larger than/, 'p'],
  ['huge pax header', [{ path: 'p', pax: { comment: 'x'.repeat(70_000) } }], /header is larger/, ''],
  ['malformed pax header', raw({ path: 'P', type: 'x', contents: '99 path=a\n' }, { path: 'x' }), /malformed/, ''],
  ['global header with a name', Buffer.concat([...paxHeader('g', { linkpath: '/etc' }), tarball([{ path: 'x', type: '2', link: 'y' }])]), /global header/, ''],
  ['same file twice', [{ path: 'a', ...x }, { path: 'a', contents: 'y' }], /twice/, 'a'],
  ['names that differ in case', [{ path: 'a', ...x }, { path: 'A', ...x }], /case/, 'A'],
  ['folders that differ in case', [{ path: 'etc/a', ...x }, { path: 'ETC/b', ...x }], /case/, 'ETC/b'],
  ['names that differ in Unicode', [{ path: 'é', ...x }, { path: 'e\u0301', ...x }], /Unicode/, 'e\u0301'],
  ['drive letter', [{ path: 'C:x', ...x }], /drive/, 'C:x'],
  ['backslashes', [{ path: '..\\x', ...x }], /backslash/, ''],
];

/** One for each rule, assembled byte by byte: no archiver would write most of them. */
export const hostileArchives: readonly HostileArchive[] = rows.map(([what, archive, reason, entry]) => ({
  what, reason, entry, bytes: Buffer.isBuffer(archive) ? archive : tarball(archive),
}));
