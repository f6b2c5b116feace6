import t from 'tap';
import { digestOf } from './digest.js';
import { fillManifest } from './fill-manifest.js';
import { plainInspection } from './testing/inspections.js';

const { manifest } = fillManifest({ start: 'bin/run' }, plainInspection());
const artifact = { sha256: 'a'.repeat(64), sizeBytes: 1, platform: { os: 'linux', arch: 'x64', libc: '' } };
const other = { ...artifact, sha256: 'b'.repeat(64), platform: { ...artifact.platform, arch: 'arm64' } };

t.test('covers all that makes a release, whatever the order', (t) => {
  const digest = digestOf({ name: 'r', version: '1', manifest, artifacts: [artifact, other] });
  t.match(digest, /^[0-9a-f]{64}$/);
  const backwards = Object.fromEntries(Object.entries(manifest).reverse()) as unknown as typeof manifest;
  t.equal(digestOf({ artifacts: [other, artifact], manifest: backwards, version: '1', name: 'r' }), digest);
  const others = [
    { name: 's', version: '1', manifest, artifacts: [artifact, other] },
    { name: 'r', version: '2', manifest, artifacts: [artifact, other] },
    { name: 'r', version: '1', manifest: { ...manifest, stop: 'bin/stop' }, artifacts: [artifact, other] },
    { name: 'r', version: '1', manifest, artifacts: [artifact] },
  ].map(digestOf);
  t.equal(new Set([digest, ...others]).size, 5, 'each difference gives another digest');
  t.end();
});
