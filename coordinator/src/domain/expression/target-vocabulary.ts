import { nearestHint } from '@wombat/proto';
import { knownAttribute, knownAttributeKeys } from '../attributes/target-attributes.js';
import type { Vocabulary } from './vocabulary.js';

const form = /^[a-z0-9][a-z0-9_.-]{0,127}$/;
/** Under these, and others with a dot, drivers and labels bring their own. */
const fixed = ['node.', 'family.', 'release.', 'host.', 'provider.', 'erlang.'];

/** What can be asked of nodes and hosts. */
export const targetVocabulary: Vocabulary = {
  typeOf: knownAttribute,
  unknown: (key) => {
    if (knownAttribute(key)) return undefined;
    const mayBe = form.test(key) && key.includes('.') && !fixed.some((prefix) => key.startsWith(prefix));
    return mayBe ? undefined : nearestHint(key, knownAttributeKeys(), 'see which there are: docs/reference/attributes.md; labels begin with label.');
  },
};
