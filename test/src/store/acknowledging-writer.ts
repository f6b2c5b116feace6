// Writes to the store of its first argument until it is killed, and tells on its standard output the number of each transaction
// once that is acknowledged. The numbers begin behind its second argument.
import { writeSync } from 'node:fs';
import type { Store } from '../../../coordinator/dist/store/store.js';
import { counter, openKilled, sizeOf, type KilledPlace } from './killed-store.js';

const lanes = 3;

async function write(store: Store, number: number): Promise<void> {
  const marks = Array.from({ length: sizeOf(number) }, (_, index) => `${String(number).padStart(9, '0')}-${index}`);
  const object = { generation: 1, observedGeneration: 0, driver: 'local', sealedSecrets: {}, identity: '', settings: { number, text: 'x'.repeat(500) } };
  await store.transaction(async (transaction) => {
    await transaction.providers.insertAll(marks.map((mark) => ({ ...object, id: `prv-${mark}`, name: mark })));
    await transaction.meta.set(counter, String(Number((await transaction.meta.get(counter)) ?? 0) + 1));
    await transaction.events.append(...marks.map((mark) => ({ type: 'x', subjectId: mark, subjectName: mark, reason: '', message: '', payload: { number } })));
  });
}

const store = await openKilled(JSON.parse(process.argv[2]!) as KilledPlace);
let last = Number(process.argv[3]);
const lane = async (): Promise<void> => {
  for (;;) {
    const number = (last += 1);
    // While the database is away nothing is acknowledged, and no number is used twice.
    const isKept = await write(store, number).then(() => true, () => false);
    if (isKept) writeSync(1, `${number}\n`);
  }
};
await Promise.all(Array.from({ length: lanes }, lane));
