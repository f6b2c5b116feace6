import t from 'tap';
import { checkPlatform, parsePlatform, platformText } from './platform.js';

t.test('platforms as people write them', (t) => {
  const written: [string, string][] = [
    ['linux', 'linux'], ['linux/x64', 'linux/x64'], ['linux/amd64/musl', 'linux/x64/musl'], ['linux/aarch64', 'linux/arm64'], ['linux//musl', 'linux/any/musl'], ['macos/arm64', 'darwin/arm64'],
  ];
  for (const [text, told] of written) t.equal(platformText(parsePlatform(text)), told, text);
  t.equal(platformText({ os: '', arch: '', libc: '' }), 'any platform');
  t.end();
});

t.test('a word that is none is refused with what may be meant', (t) => {
  t.throws(() => parsePlatform('linux/amr64'), { code: 'WO_ARTIFACT_PLATFORM', message: /"amr64" is no architecture/, hint: 'did you mean arm64?' });
  t.throws(() => parsePlatform('linux/x64/glib'), { code: 'WO_ARTIFACT_PLATFORM', hint: 'did you mean glibc?' });
  for (const text of ['', '/x64', 'linux/x64/musl/more', 'lunix', 'plan9', 'constructor']) t.throws(() => parsePlatform(text), { code: 'WO_ARTIFACT_PLATFORM' }, text);
  t.throws(() => checkPlatform({ os: '', arch: 'x'.repeat(1_000), libc: '' }), { code: 'WO_ARTIFACT_PLATFORM', message: /^.{0,200}$/ }, 'whatever comes, the message is short');
  t.end();
});
