const headerBytes = 8;

/** What was written, without the frames in which the engine tells the streams apart: stream, three zeros, length. */
export function withoutFrames(log: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + headerBytes <= log.length;) {
    const end = at + headerBytes + log.readUInt32BE(at + 4);
    parts.push(log.subarray(at + headerBytes, end));
    at = end;
  }
  return Buffer.concat(parts);
}
