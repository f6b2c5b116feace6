// Writes the table of methods into docs/reference/api.md. The coordinator must have been built.
import { readFileSync, writeFileSync } from 'node:fs';
import { withMethodTable } from '../../coordinator/dist/api/openapi/reference.js';

const page = new URL('../../docs/reference/api.md', import.meta.url);
writeFileSync(page, withMethodTable(readFileSync(page, 'utf8')));
