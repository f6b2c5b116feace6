import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packScripts, sleeper } from '../support/releases.js';
import { expectError } from '../support/told-error.js';
import { writeBomb, writeManyEntries } from '../support/oversized-archives.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const mebibyte = 1024 * 1024;

t.test('a bomb and a swarm of entries cost the coordinator little memory and no disk', async (t) => {
  const workshop = await Workshop.open(t);
  const at = (name: string): string => join(workshop.directory, name);
  const bomb = writeBomb(at('bomb.tar.gz'));
  const many = writeManyEntries(at('many.tar'), 200_000);
  // What the first upload of all loads is no part of it.
  await workshop.ok('upload-release', 'good', await packScripts(at('good.tar.gz'), [sleeper]), 'bin/start');
  const { pid } = workshop.coordinator;
  for (const [what, path, says] of [['a bomb of 1000:1', bomb, /200 times/], ['200,000 entries', many, /100000 entries/]] as const) {
    await t.test(what, async (t) => {
      const before = { peak: forgetPeak(pid), disk: bytesIn(workshop.coordinator.directory) };
      const watch = watchDisk(workshop.coordinator.directory);
      expectError(t, await workshop.wo('upload-release', 'bad', path, 'bin/start'), 'WO_ARCHIVE_REFUSED', 2, says);
      const most = watch.end();
      const grown = peakBytes(pid) - before.peak;
      t.ok(grown < 150 * mebibyte, `its memory has grown by ${Math.round(grown / mebibyte)} MiB at most`);
      // The tarball itself is there until it is judged; nothing of it is unpacked.
      t.ok(most - before.disk < statSync(path).size + 8 * mebibyte, `its directory by ${most - before.disk} bytes meanwhile`);
      t.ok(bytesIn(workshop.coordinator.directory) - before.disk < 8 * mebibyte, 'nothing of it is kept');
      t.comment(`${what}: memory +${Math.round(grown / mebibyte)} MiB, disk +${Math.round((most - before.disk) / 1024)} KiB`);
    });
  }
  t.equal(workshop.coordinator.pid, pid, 'it is the same process');
  t.match(await workshop.ok('release', 'list'), /good/, 'which answers');
});

/** Sets the peak to what is resident now, and answers that. Where the kernel does not let us, the peak so far is the base. */
function forgetPeak(pid: number): number {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Then only a new peak is seen.
  }
  return peakBytes(pid);
}

function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function watchDisk(directory: string): { end(): number } {
  let most = 0;
  const look = (): void => void (most = Math.max(most, bytesIn(directory)));
  const timer = setInterval(look, 100);
  return {
    end: () => {
      clearInterval(timer);
      look();
      return most;
    },
  };
}

/** Files come and go meanwhile. */
function bytesIn(directory: string): number {
  return (readdirSync(directory, { recursive: true }) as string[]).reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
