import t from 'tap';
import { RecordedStage } from './testing/recorded-stage.js';
import { cases } from './testing/suite.js';

for (const [name, play] of Object.entries(cases)) {
  t.test(`${name}, against what a real OpenStack answered`, async (t) => {
    const stage = await RecordedStage.open(name);
    try {
      await play(t, stage);
    } finally {
      t.strictSame(await stage.close(), [], 'the driver asks what it asked when the answers were recorded');
    }
  });
}
