import { Action, CommandSettings, ErlangEval } from '@wombat/proto/types';
import t from 'tap';
import { SecretBox } from '../../auth/secret-box.js';
import { openedAction, storedAction } from './stored-action.js';

const box = new SecretBox(Buffer.alloc(32, 7));

const command = (settings: CommandSettings | undefined): Action => ({ kind: { $case: 'command', value: { argv: ['x'], environment: { A: 'open' }, settings } } });

t.test('what is secret of an action is stored sealed, and is whole again when it is sent', (t) => {
  const asked = command(CommandSettings.fromPartial({ user: 'web', nice: 3, secrets: { TOKEN: 'canary-1' }, stdin: Buffer.from('canary-2') }));
  const stored = storedAction('job-a', asked, box) as { sealed: string };
  const { sealed, ...open } = stored;
  t.ok(sealed, 'it is kept');
  t.notMatch(JSON.stringify(open), /canary|Y2FuYXJ5/, 'nothing of it stands beside');
  t.match(Action.fromJSON(stored), { kind: { value: { argv: ['x'], environment: { A: 'open' }, settings: { user: 'web', nice: 3, secrets: { TOKEN: '' }, stdin: Buffer.alloc(0) } } } }, 'whoever reads the job has the names');
  t.strictSame(openedAction({ id: 'job-a', action: JSON.parse(JSON.stringify(stored)) }, box), asked);
  t.throws(() => openedAction({ id: 'job-b', action: stored }, box), 'it opens in its own job only');
  t.end();
});

t.test('what has no secrets is stored as it is', (t) => {
  const plain = [command(undefined), command(CommandSettings.fromPartial({ nice: 3 })), { kind: { $case: 'erlangEval' as const, value: ErlangEval.fromPartial({ expressions: 'ok.' }) } }];
  for (const action of plain) {
    const stored = storedAction('job-a', action, box);
    t.strictSame(stored, Action.toJSON(action));
    t.strictSame(openedAction({ id: 'job-a', action: stored }, box), action);
  }
  t.end();
});
