import t from 'tap';
import { describeExit, exitCode, exitOfChild, exitSignal, isSuccess, parseExitFile, unknownExit } from './exit-status.js';

t.test('what the shim writes', (t) => {
  t.strictSame(parseExitFile('0\n'), exitCode(0));
  t.strictSame(parseExitFile('3\n'), exitCode(3));
  t.strictSame(parseExitFile('137\n'), exitCode(137), 'a program may end with 137 itself');
  t.strictSame(parseExitFile('Killed\n137\n'), exitSignal(9));
  t.strictSame(parseExitFile('Segmentation fault (core dumped)\n139\n'), exitSignal(11));
  t.strictSame(parseExitFile('130\n'), exitSignal(2), 'the shell is silent about INT');
  t.strictSame(parseExitFile('warning\n1\n'), exitCode(1));
  for (const unfinished of ['', '0', '13', 'Killed\n', 'Killed\n137', '\n', 'x']) t.equal(parseExitFile(unfinished), undefined, JSON.stringify(unfinished));
  t.end();
});

t.test('in words', (t) => {
  t.equal(describeExit(exitCode(3)), 'exit code 3');
  t.equal(describeExit(exitSignal(9)), 'signal SIGKILL');
  t.equal(describeExit(exitSignal(63)), 'signal 63');
  t.equal(describeExit(unknownExit), 'an unknown exit status');
  t.ok(isSuccess(exitCode(0)));
  t.notOk(isSuccess(unknownExit));
  t.strictSame(exitOfChild(null, 'SIGTERM'), exitSignal(15));
  t.strictSame(exitOfChild(null, null), unknownExit);
  t.strictSame(exitOfChild(2, null), exitCode(2));
  t.end();
});
