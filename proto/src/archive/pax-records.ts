/** What a pax header says, or undefined when the text is no sequence of well-formed records. */
export function paxRecords(text: string): ReadonlyMap<string, string> | undefined {
  const bytes = Buffer.from(text);
  const records = new Map<string, string>();
  let start = 0;
  while (start < bytes.length) {
    const space = bytes.indexOf(0x20, start);
    const digits = space === -1 ? '' : bytes.toString('latin1', start, space);
    if (!/^[1-9]\d{0,6}$/.test(digits)) return undefined;
    const end = start + Number(digits);
    if (end > bytes.length || bytes[end - 1] !== 0x0a) return undefined;
    const record = bytes.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start = end;
  }
  return records;
}

/** Why these records are not allowed, or undefined. */
export function paxObjection(records: ReadonlyMap<string, string>): string | undefined {
  for (const [key, value] of records) {
    if (key.startsWith('GNU.sparse.')) return 'it is a sparse file';
    if (key === 'size' && !/^\d{1,16}$/.test(value)) return 'its size is no number or a negative one';
    if ((key === 'path' || key === 'linkpath') && /[\0\n]/.test(value)) return 'its name or target holds a NUL byte or a line feed';
  }
  return undefined;
}
