// Writes docs/reference/attributes.md from the table of attributes. The coordinator must have been built.
import { writeFileSync } from 'node:fs';
import { attributeReference } from '../../coordinator/dist/domain/attributes/reference.js';

writeFileSync(new URL('../../docs/reference/attributes.md', import.meta.url), attributeReference());
