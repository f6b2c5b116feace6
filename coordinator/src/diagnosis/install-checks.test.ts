import { FindingLevel } from '@wombat/proto/control';
import t from 'tap';
import { installFindings } from './install-checks.js';

const far = { agents: 'wombat.example.org:7421', http: 'wombat.example.org:7422' };
const packages = { list: async () => [{ arch: 'x64', sha256: 'a', name: 'a' }] };
const areOf = (driver: string): boolean => driver === 'cloud';

void t.test('only drivers whose machines install the agent matter', async (test) => {
  test.same(await installFindings(['local'], { areOf, packages, addresses: () => far }), []);
  const [finding] = await installFindings(['local', 'cloud', 'cloud'], { areOf, packages, addresses: () => far });
  test.match(finding, { level: FindingLevel.PASS, message: 'they install the agent from wombat.example.org:7422 (x64) and connect to wombat.example.org:7421' });
});

void t.test('without packages it fails, and says how to make them', async (test) => {
  const [finding] = await installFindings(['cloud'], { areOf, packages: { list: async () => [] }, addresses: () => far });
  test.match(finding, { level: FindingLevel.FAIL, code: 'WO_AGENT_PACKAGE_MISSING', hint: /package-agent/ });
});

void t.test('an address that only this machine can reach is a warning, whichever of the two it is', async (test) => {
  for (const near of [{ agents: '127.0.0.1:7421' }, { http: 'localhost:7422' }, { http: '[::1]:7422' }]) {
    const [finding] = await installFindings(['cloud'], { areOf, packages, addresses: () => ({ ...far, ...near }) });
    test.match(finding, { level: FindingLevel.WARN, hint: /advertise\.agents/ }, JSON.stringify(near));
  }
});
