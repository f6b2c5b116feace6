/** The bytes of a stream; of one that holds more than the maximum, a little more than that. */
export async function readInput(stream: AsyncIterable<Buffer | string>, maximumBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk as Buffer));
    size += chunks.at(-1)!.length;
    if (size > maximumBytes) break;
  }
  return Buffer.concat(chunks);
}
