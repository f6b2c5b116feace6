import t from 'tap';
import type { Family, FamilyRevision, FamilySpec } from '../model/family.js';
import { changesBetween } from './changes-between.js';
import { revisionBefore } from './revision-before.js';
import { isSame, runsAlike, runSpecOf } from './run-spec.js';

const spec: FamilySpec = {
  releaseId: 'rel-1', selector: 'all', bootstrap: { strategy: 'none', options: {} }, firewall: [], environment: { A: '1' }, sealedSecrets: { KEY: 'sealed-1' },
  restart: { tries: 5, intervalMs: 60_000, delayMs: 1_000 },
};
const stored = { id: 'fam-1', name: 'web', revision: 1, observedGeneration: 1, createdAt: 0, updatedAt: 0 };

function family(generation: number, fields: Partial<FamilySpec>, backTo?: number): Family {
  return { ...stored, generation, spec: { ...spec, ...fields }, sealedCookie: '', cluster: { health: 'one', parts: [] }, ...(backTo === undefined ? {} : { origin: { at: 0, principal: 'ada', backTo } }) };
}

function revision(generation: number, fields: Partial<FamilySpec>, hadNodes = true): FamilyRevision {
  return { ...stored, id: `fam-1/${generation}`, generation: 1, familyId: 'fam-1', spec: { ...spec, ...fields }, hadNodes };
}

void t.test('only what a node is run with makes it outdated', (test) => {
  test.ok(runsAlike(spec, { ...spec, selector: 'random', firewall: [{ protocol: 'tcp', fromPort: 1, toPort: 2, source: '' }] }));
  test.ok(runsAlike({ ...spec, environment: { A: '1', B: '2' } }, { ...spec, environment: { B: '2', A: '1' } }), 'whatever the order of names');
  for (const fields of [{ releaseId: 'rel-2' }, { environment: {} }, { environment: { A: '1', B: '' } }, { sealedSecrets: { KEY: 'sealed-2' } }, { restart: { ...spec.restart, tries: 4 } }, { bootstrap: { strategy: 'none', options: { x: '' } } }]) {
    test.notOk(runsAlike(spec, { ...spec, ...fields }), JSON.stringify(fields));
  }
  test.same(Object.keys(runSpecOf(spec)).sort(), ['bootstrap', 'environment', 'releaseId', 'restart', 'sealedSecrets']);
  test.ok(isSame(undefined, undefined));
  test.notOk(isSame({}, null));
  test.end();
});

void t.test('changes are told by names alone', (test) => {
  const after: FamilySpec = { ...spec, releaseId: 'rel-2', environment: { B: 'value' }, sealedSecrets: { KEY: 'sealed-2' }, selector: 'random' };
  test.same(changesBetween(spec, after), ['release', 'selector', 'variable A taken away', 'variable B', 'secret KEY']);
  const { releaseId: _none, ...bare } = spec;
  test.same(changesBetween(bare, spec), ['release']);
  test.same(changesBetween(spec, spec), []);
  test.end();
});

void t.test('a rollback goes to what ran before, and a second one further back', (test) => {
  const one = revision(1, { releaseId: 'rel-1' });
  const two = revision(2, { releaseId: 'rel-2' });
  const three = revision(3, { releaseId: 'rel-3' });
  const nobody = (): boolean => false;
  const before = (of: Family, revisions: readonly FamilyRevision[], hasNodes: (generation: number) => boolean = nobody) => revisionBefore(of, revisions, hasNodes)?.id;
  test.equal(before(family(3, { releaseId: 'rel-3' }), [one, two]), 'fam-1/2');
  test.equal(before(family(4, { releaseId: 'rel-2' }, 2), [three, two, one]), 'fam-1/1', 'never to the one that it came from');
  test.equal(before(family(3, { releaseId: 'rel-3' }), [one, revision(2, { releaseId: 'rel-2' }, false)]), 'fam-1/1', 'one that no node ran is passed over');
  test.equal(before(family(3, { releaseId: 'rel-3' }), [one, revision(2, { releaseId: 'rel-2' }, false)], (generation) => generation === 2), 'fam-1/2', 'but not one that runs now');
  test.equal(before(family(3, { releaseId: 'rel-2' }), [one, revision(2, { releaseId: 'rel-2', selector: 'random' })]), 'fam-1/1', 'nor one that runs the same');
  test.equal(before(family(1, {}), []), undefined);
  test.end();
});
