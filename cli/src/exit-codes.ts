/** What each exit code of `wo` means; the catalogue of errors says which error has which. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done'],
  [1, 'failed; of many targets: all of them'],
  [2, 'wrong usage, or refused because nobody said yes (--yes)'],
  [3, 'some targets failed, others did not'],
  [4, 'not authenticated, or not allowed'],
  [5, 'not found'],
  [6, 'still running: the deadline was reached, or it was left running; how to go on is printed'],
  [7, 'the coordinator cannot be reached'],
  [8, 'conflict: what was to be changed has changed meanwhile'],
  [130, 'interrupted by Ctrl-C'],
];

/** `wo help exit-codes` */
export function exitCodesPage(): string {
  return [
    'Exit codes of wo',
    '',
    ...exitCodeMeanings.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`),
    '',
    'wo exec exits with 0 when all targets are ok, 3 when some failed, 1 when all did; with --pass-exit with the largest code of the remote command.',
    'wo explain CODE names the exit code of an error.',
  ].join('\n');
}
