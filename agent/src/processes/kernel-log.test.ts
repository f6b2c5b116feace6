import t from 'tap';
import { killedForMemory } from './kernel-log.js';

const records = [
  '5,0,0,-;Linux version 6.1',
  '6,90,70000000,-;tail invoked oom-killer: gfp_mask=0xcc0',
  '3,91,70500000,-;Out of memory: Killed process 4711 (beam.smp) total-vm:41192kB, anon-rss:38400kB',
  '',
  '3,92,80000000,c;Memory cgroup out of memory: Killed process 99 (a b) total-vm:1kB\n SUBSYSTEM=memory',
];

t.test('a process that the kernel killed since there was no memory left', (t) => {
  t.equal(killedForMemory({ pid: 4711, startTime: '6900' }, records), true);
  t.equal(killedForMemory({ pid: 99, startTime: '100' }, records), true, 'in a control group too');
  t.equal(killedForMemory({ pid: 4711, startTime: '7300' }, records), false, 'an earlier process had the number then');
  t.equal(killedForMemory({ pid: 471, startTime: '0' }, records), false);
  t.equal(killedForMemory({ pid: process.pid, startTime: '0' }), false, 'the real log says nothing of whoever lives');
  t.end();
});
