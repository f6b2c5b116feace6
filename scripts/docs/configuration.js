// Writes docs/reference/configuration.md from the table of keys. The coordinator must have been built.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configurationReference } from '../../coordinator/dist/configuration/reference.js';

const page = fileURLToPath(new URL('../../docs/reference/configuration.md', import.meta.url));
mkdirSync(dirname(page), { recursive: true });
writeFileSync(page, configurationReference());
