// Who may import whom. docs/architecture.md tells why.
const ours = '^(proto|agent|coordinator|cli|plugins|test|scripts)/';
const notTests = { pathNot: ['[.]test[.]ts$', '/testing/', '/testing[.]ts$'] };

/** A room, and the only rooms of ours that it may import. */
const room = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from, ...notTests },
  to: { path: ours, pathNot: [from, ...allowed] },
});

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: { pathNot: 'src/gen/' }, to: { circular: true, viaOnly: { pathNot: 'src/gen/', dependencyTypesNot: ['type-only'] } } },
    { name: 'resolvable', severity: 'error', from: { path: ours }, to: { couldNotResolve: true, path: '^(@wombat|[.])' } },
    room('proto-imports-nothing', '^proto/', []),
    room('sdk-imports-proto', '^plugins/sdk/', ['^proto/']),
    room('conformance-imports-sdk-and-proto', '^plugins/conformance/', ['^proto/', '^plugins/sdk/']),
    room('creator-stands-alone', '^plugins/create-wombat-plugin/src/', []),
    room('plugins-import-the-sdk-only', '^plugins/(provider|bootstrap)-[^/]+/', ['^plugins/sdk/']),
    room('agent-stands-alone', '^agent/', ['^proto/']),
    room('cli-stands-alone', '^cli/', ['^proto/']),
    room('coordinator-imports-sdk-and-proto', '^coordinator/', ['^proto/', '^plugins/sdk/']),
    {
      name: 'domain-is-pure',
      comment: 'Pure rules: no I/O, no clock, no store',
      severity: 'error',
      from: { path: '^coordinator/src/domain/', ...notTests },
      to: { path: '^coordinator/src/', pathNot: '^coordinator/src/domain/' },
    },
    {
      name: 'domain-does-no-io',
      severity: 'error',
      from: { path: '^coordinator/src/domain/', ...notTests },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'engine-sees-ports',
      comment: 'Of the other rooms the engine knows the domain and ports only',
      severity: 'error',
      from: { path: '^coordinator/src/engine/', ...notTests },
      to: { path: '^coordinator/src/', pathNot: ['^coordinator/src/(domain|engine|limits)/', '^coordinator/src/store/store[.]ts$', '^coordinator/src/fleet/fleet[.]ts$'] },
    },
    {
      name: 'nothing-imports-tests-or-scripts',
      severity: 'error',
      from: { path: '^(proto|agent|coordinator|cli|plugins)/', ...notTests },
      to: { path: '^(test|scripts)/|[.]test[.]ts$|/testing/|/testing[.]ts$' },
    },
    {
      name: 'one-composition-root',
      comment: 'Only compose.ts sees the concrete classes of another room',
      severity: 'error',
      from: { path: '^coordinator/src/(engine|fleet|store|releases|plugins|auth)/', ...notTests },
      to: { path: '^coordinator/src/(compose|main|coordinator)[.]ts$' },
    },
    { name: 'compose-alone-uses-tsyringe', severity: 'error', from: { pathNot: 'compose[.]ts$' }, to: { path: 'node_modules/tsyringe' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['/dist/', '/gen/', 'test/fixtures/', '/template/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
};
