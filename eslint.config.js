import tseslint from 'typescript-eslint';

const testFiles = ['**/*.test.ts', '**/testing/**', 'test/**', '**/testing.ts'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/src/gen/**', '**/.tap/**', 'test/fixtures/**', '**/*.d.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, attributes: false } }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': [
        'error',
        { selector: "Property[key.name='shell'][value.value=true]", message: 'never through a shell' },
        { selector: "CallExpression[callee.name='exec']", message: 'start programs by argv' },
        { selector: 'Decorator', message: 'classes carry no decorators; compose.ts wires them' },
      ],
    },
  },
  {
    // tsyringe belongs to the composition roots alone.
    files: ['**/*.ts'],
    ignores: ['**/compose.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: ['tsyringe'] }] },
  },
  // A test of tap is queued by tap itself: its promise is not the caller's to wait for.
  { files: testFiles, rules: { '@typescript-eslint/no-floating-promises': 'off', 'max-lines': 'off', 'no-console': 'off', '@typescript-eslint/only-throw-error': 'off' } },
  { files: ['cli/**/*.ts'], rules: { 'no-console': 'error' } },
);
