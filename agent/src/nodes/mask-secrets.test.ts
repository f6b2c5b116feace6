import t from 'tap';
import { SecretMask } from './mask-secrets.js';

const secret = (value: string | Buffer) => ({ name: 'A', value: Buffer.from(value as string), environmentName: 'A' });

t.test('secrets are starred byte for byte, each of those that overlap; what is short is left', (t) => {
  const mask = new SecretMask({ secrets: [secret('hunter'), secret('hunter2-ä'), secret('abc'), secret(Buffer.from([0xff, 0xfe, 0xfd, 0xfc]))], erlang: undefined });
  t.equal(mask.text('ü hunter2-ä hunter hunter2 abc'), 'ü ********** ****** ******2 abc');
  const bytes = Buffer.from([0x61, 0xff, 0xfe, 0xfd, 0xfc, 0xff]);
  t.strictSame(mask.bytes(bytes), Buffer.from([0x61, 0x2a, 0x2a, 0x2a, 0x2a, 0xff]), 'also what is no text');
  t.equal(new SecretMask(undefined).text('as it is'), 'as it is');
  const erlang = { nodeName: 'a@b', cookie: Buffer.from('COOKIE'), distributionPort: 1, epmdPort: 1, longNames: true };
  t.equal(new SecretMask({ secrets: [], erlang }).text("'COOKIE'"), "'******'", 'a cookie is a secret too');
  t.end();
});

t.test('of two that overlap all bytes are starred; ends that may be more are told', (t) => {
  const mask = new SecretMask(undefined, ['prefix', 'prefix-long', 'longest-of-all']);
  t.equal(mask.text('a prefix-longest-of-all b'), `a ${'*'.repeat('prefix-longest-of-all'.length)} b`, 'the one ends within the other');
  for (const [text, open, torn] of [['a prefix', 6, 0], ['a prefix-', 7, 0], ['prefix-long', 4, 0], ['fix b', 0, 3], ['-long', 4, 5], ['nothing', 0, 0], ['', 0, 0]] as const) {
    t.same([mask.openBytes(Buffer.from(text)), mask.tornBytes(Buffer.from(text))], [open, torn], `'${text}'`);
  }
  t.end();
});
