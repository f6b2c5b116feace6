import { catalogue, isErrorCode, nearestHint, WombatError } from '@wombat/proto';
import { defineCommand, optional } from '../command.js';
import type { Runtime } from '../runtime.js';

export const explain = defineCommand({
  description: 'What a code means, what to do about it, and which exit code of wo belongs to it. Needs no coordinator. Without a code: all of them.',
  examples: [
    { command: 'wo explain WO_NODE_EXITED', explanation: 'one code' },
    { command: 'wo explain -o jsonl', explanation: 'all of them, for a program' },
  ],
  arguments: { code: optional('an error code', { completes: 'error code' }) },
  options: {},
  async run(runtime, { code }) {
    const { print } = runtime;
    if (code === undefined) return listAll(runtime);
    const wanted = code.toUpperCase().startsWith('WO_') ? code.toUpperCase() : `WO_${code.toUpperCase()}`;
    if (!isErrorCode(wanted)) {
      throw new WombatError('WO_NOT_FOUND', `there is no error code ${JSON.stringify(code)}`, { hint: nearestHint(wanted, Object.keys(catalogue), 'see them all: wo explain') });
    }
    const { meaning, hint, exit } = catalogue[wanted];
    if (print.isForPrograms) return print.json({ code: wanted, meaning, hint, exit });
    print.data(`${print.out.bold(wanted)}\n  ${print.out.bold('why:')} ${meaning}\n  ${print.out.bold('try:')} ${hint}\n  ${print.out.bold('exit code of wo:')} ${exit}`);
  },
});

async function listAll({ print }: Runtime): Promise<void> {
  const items = Object.entries(catalogue).map(([code, entry]) => ({ code, ...entry, metadata: undefined }));
  await print.list({
    items,
    columns: [
      { title: 'CODE', text: (entry) => entry.code },
      { title: 'EXIT', text: (entry) => String(entry.exit) },
      { title: 'MEANING', text: (entry) => entry.meaning },
    ],
    key: 'codes', toJson: ({ code, meaning, hint, exit }) => ({ code, meaning, hint, exit }), id: (entry) => entry.code, name: (entry) => entry.code, nothing: '',
  });
}
