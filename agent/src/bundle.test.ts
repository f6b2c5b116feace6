import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { helperArguments } from './helper-process.js';
import { parseHardware } from './facts/hardware.js';
import { unpackCommand } from './releases/child-unpacker.js';

const script = fileURLToPath(new URL('../../scripts/bundle-agent.js', import.meta.url));

t.test('the bundle does what the compiled agent does', async (t) => {
  const base = t.testdir({ release: { app: { 'start.txt': 'hello' } }, out: {} });
  const directory = join(base, 'bundle');
  execFileSync(process.execPath, [script, directory]);
  const run = (args: readonly string[], input = ''): Promise<string> => new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [join(directory, 'agent.cjs'), ...args], { encoding: 'utf8' }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    child.stdin?.end(input);
  });

  t.same(readdirSync(directory).sort(), ['agent.cjs', 'systeminformation.cjs', 'tar.cjs', 'x509.cjs'], 'four files, and nothing else is needed');
  t.ok(statSync(join(directory, 'agent.cjs')).size < 640_000, 'what an agent keeps in memory has not grown by a library');
  t.match(await run(['--help']), /--epmd-directory DIR/, 'it tells its flags');

  t.ok(parseHardware(await run([helperArguments.hardware])), 'it asks for the hardware');

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = await run([helperArguments.request], privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${request.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
  const verified = execFileSync('openssl', ['req', '-noout', '-verify', '-subject'], { input: pem, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  t.match(verified, /wombat-agent/, 'it makes a certificate request that its key has signed');

  const archive = join(base, 'app.tar.gz');
  execFileSync('tar', ['-czf', archive, '-C', join(base, 'release'), 'app']);
  const answer = await run([unpackCommand, archive, String(statSync(archive).size), join(base, 'out')]);
  t.same(JSON.parse(answer), { topFolder: 'app' }, 'it unpacks');
  t.equal(readFileSync(join(base, 'out', 'app', 'start.txt'), 'utf8'), 'hello', 'into the folder named');
});
