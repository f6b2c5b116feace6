/** Protobuf by hand, for the frames that are put together from parts that are encoded already. */

/** Bytes that `value` (a whole number below 2^53) takes as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Answers the offset behind it. */
export function writeVarint(target: Buffer, offset: number, value: number): number {
  let position = offset;
  let rest = value;
  while (rest >= 128) {
    target[position++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[position++] = rest;
  return position;
}

/** Tag of a length-delimited field; the numbers used here are all below 16. */
export const lengthDelimited = (field: number): number => (field << 3) | 2;
/** Tag of a varint field. */
export const varintField = (field: number): number => field << 3;

/** Bytes of a length-delimited field with a one-byte tag. */
export const fieldLength = (size: number): number => 1 + varintLength(size) + size;
