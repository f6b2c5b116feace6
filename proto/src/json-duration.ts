import { Duration } from './gen/google/protobuf/duration.js';

const pattern = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;

/**
 * ts-proto writes a Duration as its two fields; proto3 JSON has "1.5s". Importing this file teaches
 * the generated code to write that, and to read both.
 */
Duration.toJSON = (message) => {
  const isNegative = message.seconds < 0n || message.nanos < 0;
  const seconds = message.seconds < 0n ? -message.seconds : message.seconds;
  const fraction = message.nanos === 0 ? '' : `.${String(Math.abs(Math.round(message.nanos))).padStart(9, '0').replace(/0+$/, '')}`;
  return `${isNegative ? '-' : ''}${seconds}${fraction}s`;
};

const fromFields = Duration.fromJSON.bind(Duration);

Duration.fromJSON = (json: unknown) => {
  if (typeof json !== 'string') return fromFields(json);
  const match = pattern.exec(json);
  if (!match) throw new RangeError(`no duration of the form "1.5s": ${json.slice(0, 40)}`);
  const sign = match[1] === '-' ? -1 : 1;
  return { seconds: BigInt(sign) * BigInt(match[2]!), nanos: sign * Number((match[3] ?? '').padEnd(9, '0')) || 0 };
};
