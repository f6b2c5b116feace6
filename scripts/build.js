// Compiles every workspace and bundles the two programs that must start fast and stay small.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = (...argv) => execFileSync(process.execPath, argv, { cwd: root, stdio: 'inherit' });

node('node_modules/typescript/bin/tsc', '-b');
node('scripts/bundle-agent.js');
node('scripts/bundle-cli.js');
