import t from 'tap';
import { fillSecretMarks, filterSecretMarks, hasSecretMark, textFilters } from './text-filters.js';

t.test('a secret inside filters is escaped as they ask for, the innermost first', (t) => {
  const secret = `it's "\\`;
  const fill = (text: string): string => fillSecretMarks(text, (name) => (name === 'DB' ? secret : 'other'));
  t.equal(fill('{{secret:DB}}{{secret:X}}'), `${secret}other`, 'as it is without a filter');
  t.equal(fill(`"${filterSecretMarks('a {{secret:DB}}', 'erlangString')}"`), `"a it's \\"\\\\"`);
  const nested = filterSecretMarks(filterSecretMarks('{{secret:DB}}', 'erlangString'), 'shellWord');
  t.equal(nested, '{{secret:DB:erlangString:shellWord}}');
  t.equal(fill(nested), textFilters['shellWord']!.escape(textFilters['erlangString']!.escape(secret)));
  t.equal(filterSecretMarks('no secret', 'shellWord'), 'no secret');
  t.end();
});

t.test('what a secret holds is never read as a mark again', (t) => {
  t.equal(fillSecretMarks('{{secret:A}}', () => '{{secret:B}} $& $1'), '{{secret:B}} $& $1');
  t.ok(hasSecretMark('x {{secret:A:shellWord}}'));
  t.ok(hasSecretMark('x {{secret:A}}'), 'each time anew');
  t.notOk(hasSecretMark('{{secret:}} {{path:data}}'));
  t.end();
});

t.test('a mark that no template makes stays what it is: neither a filter that is none nor many of them', (t) => {
  for (const mark of ['{{secret:A:constructor}}', '{{secret:A:unknown}}', `{{secret:A${':erlangString'.repeat(64)}}}`]) {
    t.equal(fillSecretMarks(mark, () => '"'), mark);
    t.notOk(hasSecretMark(mark));
  }
  t.equal(fillSecretMarks(`{{secret:A${':erlangString'.repeat(4)}}}`, () => '"').length, 16, 'as many as a template may nest');
  t.end();
});
