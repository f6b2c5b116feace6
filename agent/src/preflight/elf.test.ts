import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readElf } from './elf.js';
import { installHint, missingLibraries } from './libraries.js';
import { checkLimits } from './limit-check.js';
import { checkMemory } from './capacity-check.js';

/** A small program that is linked to libraries. */
const program = '/bin/true';

t.test('what a program of this machine says of itself', (t) => {
  const elf = readElf(program);
  t.match(elf, { bits: 64, arch: process.arch, interpreter: /^\/lib.*\/ld-/ });
  t.ok(elf?.needed.some((name) => /^libc\./.test(name)), `it needs the C library: ${elf?.needed.join(' ')}`);
  t.strictSame(missingLibraries(program, elf!), [], 'and this machine has what it needs');
  t.strictSame(missingLibraries(program, { ...elf!, needed: ['libwombat.so.1'] }), ['libwombat.so.1']);
  t.ok(missingLibraries(program, { ...elf!, arch: 's390x' }).length > 0, 'a library of another machine does not count');
  t.end();
});

t.test('libraries beside the program and in folders that come first', (t) => {
  const directory = t.testdir({ bin: {}, lib: {} });
  const elf = { ...readElf(program)!, needed: ['libown.so.1'], runPath: ['$ORIGIN/../lib'] };
  const own = join(directory, 'bin', 'program');
  t.strictSame(missingLibraries(own, elf), ['libown.so.1']);
  writeFileSync(join(directory, 'lib', 'libown.so.1'), readFileSync(program));
  t.strictSame(missingLibraries(own, elf), [], 'by the run path');
  t.strictSame(missingLibraries(own, { ...elf, runPath: [] }, [join(directory, 'lib')]), [], 'by the environment');
  writeFileSync(join(directory, 'lib', 'libown.so.1'), 'no library');
  t.strictSame(missingLibraries(own, elf), ['libown.so.1'], 'a file of the name is not enough');
  t.end();
});

t.test('hints name packages', (t) => {
  t.match(installHint(['libtinfo.so.6', 'libz.so.1', 'libstdc++.so.6', 'libwombat.so.1']), /apt-get install libtinfo6 zlib1g libstdc\+\+6$/);
  t.equal(installHint(['libwombat.so.1']), undefined);
  t.end();
});

t.test('no file can do harm, however damaged', (t) => {
  const file = join(t.testdir(), 'file');
  const good = readFileSync(program);
  const read = (bytes: Buffer): unknown => {
    writeFileSync(file, bytes);
    return readElf(file);
  };
  t.equal(readElf('/nonexistent'), undefined);
  for (const bytes of [Buffer.alloc(0), Buffer.from('#!/bin/sh\n'), good.subarray(0, 40), Buffer.alloc(4096, 0xff)]) t.equal(read(bytes), undefined, `${bytes.length} bytes`);
  let state = 5;
  const random = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
  const head = good.subarray(0, 2048);
  const startedAt = performance.now();
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(head);
    for (let change = 0; change < 8; change++) bytes[4 + random(508)] = random(256);
    read(bytes);
  }
  t.ok(performance.now() - startedAt < 20_000, 'none of 500 damaged ones threw or took long');
  t.end();
});

t.test('limits and memory that a host does not have', (t) => {
  const own = 'Limit                     Soft Limit           Hard Limit           Units\nMax processes             100                  200                  processes\nMax open files            1024                 4096                 files\n';
  const limits = { openFiles: 0n, processes: 0n, nice: 0, runAs: '', memoryBytes: 0n };
  t.doesNotThrow(() => checkLimits({ ...limits, openFiles: 4096n, processes: 200n, nice: 5 }, own, false));
  t.throws(() => checkLimits({ ...limits, openFiles: 4097n }, own, false), { code: 'WO_LIMIT_REFUSED', message: /4097 open files.*4096/ });
  t.throws(() => checkLimits({ ...limits, processes: 201n }, own, false), { code: 'WO_LIMIT_REFUSED', message: /201 processes.*200/ });
  t.throws(() => checkLimits({ ...limits, nice: -1 }, own, false), { code: 'WO_LIMIT_REFUSED', message: /nice -1/ });
  t.doesNotThrow(() => checkLimits({ ...limits, openFiles: 4097n, processes: 201n, nice: -1 }, own, true), 'root may raise them');
  const meminfo = 'MemTotal:       1000 kB\nMemAvailable:    100 kB\n';
  t.doesNotThrow(() => checkMemory({ neededBytes: 102_400, freedBytes: 0 }, meminfo));
  t.throws(() => checkMemory({ neededBytes: 102_401, freedBytes: 0 }, meminfo), { code: 'WO_MEMORY_SHORT', details: { neededBytes: '102401', availableBytes: '102400' } });
  t.doesNotThrow(() => checkMemory({ neededBytes: 102_401, freedBytes: 1 }, meminfo), 'what is given back counts');
  t.end();
});

/** A program that needs so many libraries, whose names never end. */
function endless(needed: number): Buffer {
  const [dynamic, strings] = [4_096, 4_096 + (needed + 4) * 16];
  const bytes = Buffer.alloc(strings + 4 * 1024 * 1024, 'A');
  bytes.fill(0, 0, strings);
  const wide = (value: number, at: number): unknown => bytes.writeBigUInt64LE(BigInt(value), at);
  bytes.write('\x7fELF\x02\x01', 'latin1');
  bytes.writeUInt16LE(62, 18);
  wide(64, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  [{ type: 1, offset: 0, sizeBytes: bytes.length }, { type: 2, offset: dynamic, sizeBytes: (needed + 4) * 16 }].forEach(({ type, offset, sizeBytes }, index) => {
    const at = 64 + index * 56;
    bytes.writeUInt32LE(type, at);
    wide(offset, at + 8);
    wide(offset, at + 16);
    wide(sizeBytes, at + 32);
  });
  const entries = [[5, strings], [10, 4 * 1024 * 1024], ...Array.from({ length: needed }, (_, index) => [1, index])];
  entries.forEach(([tag, value], index) => (wide(tag!, dynamic + index * 16), wide(value!, dynamic + index * 16 + 8)));
  return bytes;
}

t.test('many names without end take neither memory nor time', (t) => {
  const file = join(t.testdir(), 'file');
  writeFileSync(file, endless(2_000));
  const elf = readElf(file);
  t.equal(elf?.needed.length, 256, 'so many libraries are looked for');
  t.ok(elf?.needed.every((name) => name.length <= 4_096), 'of names that a path can have');
  t.end();
});

t.test('a pipe under the name of a library is passed over', (t) => {
  const directory = t.testdir({});
  execFileSync('mkfifo', [join(directory, 'libown.so.1')]);
  const script = `import(${JSON.stringify(new URL('elf.js', import.meta.url).href)}).then(({ readElf }) => console.log(readElf(process.argv[1]), readElf('/dev/zero')))`;
  const { stdout, signal } = spawnSync(process.execPath, ['-e', script, join(directory, 'libown.so.1')], { encoding: 'utf8', timeout: 30_000, killSignal: 'SIGKILL' });
  t.match({ stdout, signal }, { stdout: /^undefined undefined/, signal: null }, 'nothing waits for somebody to write into it');
  t.end();
});
