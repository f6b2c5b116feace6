import t from 'tap';
import { SecretMask } from './mask-secrets.js';

const secret = (value: string | Buffer) => ({ name: 'A', value: Buffer.from(value as string), environmentName: 'A' });

t.test('secrets are starred byte for byte, the longest first; what is short is left', (t) => {
  const mask = new SecretMask({ secrets: [secret('hunter'), secret('hunter2-ä'), secret('abc'), secret(Buffer.from([0xff, 0xfe, 0xfd, 0xfc]))], erlang: undefined });
  t.equal(mask.text('ü hunter2-ä hunter hunter2 abc'), 'ü ********** ****** ******2 abc');
  const bytes = Buffer.from([0x61, 0xff, 0xfe, 0xfd, 0xfc, 0xff]);
  t.strictSame(mask.bytes(bytes), Buffer.from([0x61, 0x2a, 0x2a, 0x2a, 0x2a, 0xff]), 'also what is no text');
  t.equal(new SecretMask(undefined).text('as it is'), 'as it is');
  const erlang = { nodeName: 'a@b', cookie: Buffer.from('COOKIE'), distributionPort: 1, epmdPort: 1, longNames: true };
  t.equal(new SecretMask({ secrets: [], erlang }).text("'COOKIE'"), "'******'", 'a cookie is a secret too');
  t.end();
});
