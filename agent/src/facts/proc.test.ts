import t from 'tap';
import { cpuUtilisation, parseCpuTimes, parseLoad, parseMemory, parseMounts, parseNetwork, parseOsRelease } from './proc.js';

const stat = 'cpu  100 10 40 800 50 5 5 0 30 0\ncpu0 50 5 20 400 25 2 3 0 15 0\nintr 12345\n';
const netDev = [
  'Inter-|   Receive                                                |  Transmit',
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
  '    lo: 9999999   100    0    0    0     0          0         0  9999999   100    0    0    0     0       0          0',
  '  eth0: 1000      10    0    0    0     0          0         0     2000    20    0    0    0     0       0          0',
  'eth1:30 1 0 0 0 0 0 0 40 1 0 0 0 0 0 0',
].join('\n');

t.test('the texts of /proc', async (t) => {
  t.same(parseCpuTimes(stat), { busy: 160, total: 1010 }, 'idle and waiting for the disk are not busy; guest time is counted once');
  t.equal(cpuUtilisation({ busy: 100, total: 1000 }, { busy: 150, total: 1100 }), 0.5, 'half of the time between');
  t.equal(cpuUtilisation({ busy: 100, total: 1000 }, { busy: 100, total: 1000 }), 0, 'no time between');
  t.equal(cpuUtilisation({ busy: 100, total: 1000 }, { busy: 10, total: 1100 }), 0, 'a counter that ran backwards');
  t.same(parseNetwork(netDev), { received: 1030, sent: 2040 }, 'all interfaces but the loopback, with and without a space after the colon');
  t.equal(parseMemory('MemTotal:       1000 kB\nMemFree: 5 kB\nMemAvailable:    400 kB\n', 'MemAvailable'), 409_600, 'kB are 1024 bytes');
  t.equal(parseMemory('VmPeak:\t    9999 kB\nVmRSS:\t    2000 kB\n', 'VmRSS'), 2_048_000, 'of a process');
  t.equal(parseLoad('0.52 0.40 0.30 1/123 4567\n'), 0.52, 'the load of a minute');
  t.equal(parseOsRelease('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'), 'Debian GNU/Linux 12 (bookworm)', 'the name that people know');
  t.same(parseMounts('/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /mnt/my\\040disk xfs rw 0 0\n')[1], { device: '/dev/sdb1', mount: '/mnt/my disk', filesystem: 'xfs' }, 'escapes are undone');
});

t.test('texts that are missing or strange give zero, never NaN', async (t) => {
  for (const text of ['', 'garbage', 'cpu  x y z', 'MemAvailable: lots kB', 'eth0: a b c']) {
    t.same(parseCpuTimes(text), { busy: 0, total: 0 }, `cpu of ${JSON.stringify(text)}`);
    t.equal(parseMemory(text, 'MemAvailable'), 0, `memory of ${JSON.stringify(text)}`);
    t.same(parseNetwork(text), { received: 0, sent: 0 }, `network of ${JSON.stringify(text)}`);
    t.equal(parseMemory(text, 'VmRSS'), 0, `memory of a process of ${JSON.stringify(text)}`);
  }
});
